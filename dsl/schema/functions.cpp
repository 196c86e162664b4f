// The rows of functions. To add one: a row here, a function in dsl/lower/calls, a test.
#include "dsl/schema/functions.h"

namespace gmc::dsl {

namespace {

/// FunctionRow::takes_weights: the function takes tensors, or the weights of a network.
constexpr bool kOrWeights = true;

/// Functions that compute each element by itself.
std::vector<FunctionRow> element_wise() {
    return {
        {"abs", 1, 1, "", "abs(x)", "|x|", kOrWeights},
        {"exp", 1, 1, "", "exp(x)", "e^x", kOrWeights},
        {"log", 1, 1, "", "log(x)", "natural logarithm", kOrWeights},
        {"sqrt", 1, 1, "", "sqrt(x)",
         "square root, of x + 1e-12, so that its derivatives are finite at 0; `x^0.5` is the same",
         kOrWeights},
        {"square", 1, 1, "", "square(x)", "x^2", kOrWeights},
        {"erf", 1, 1, "", "erf(x)", "Gauss error function"},
        {"sin", 1, 1, "", "sin(x)", "sine, of radians"},
        {"cos", 1, 1, "", "cos(x)", "cosine, of radians"},
        {"floor", 1, 1, "", "floor(x)", "largest integer not above x; no gradient"},
        {"round", 1, 1, "", "round(x)", "nearest integer, of two the even one; no gradient"},
        {"lgamma", 1, 1, "", "lgamma(x)",
         "logarithm of the gamma function, x > 0, to 1e-6 of it, and of 1 near its zeros"},
        {"digamma", 1, 1, "", "digamma(x)", "slope of lgamma, x > 0, as precise as it"},
        {"clamp", 3, 3, "", "clamp(x, low, high)", "x, but at least low and at most high"},
        {"where", 3, 3, "", "where(condition, a, b)",
         "a where the condition is not 0, else b, element by element"},
        {"min", 1, 2, "axis|keep", "min(x) or min(a, b)",
         "of two: the smaller, element by element; of one: a reduction"},
        {"max", 1, 2, "axis|keep", "max(x) or max(a, b)",
         "of two: the larger, element by element; of one: a reduction"},
        {"relu", 1, 1, "", "relu(x)", "max(x, 0)"},
        {"leaky_relu", 1, 2, "", "leaky_relu(x, slope)",
         "x for x > 0, slope * x otherwise; slope is 0.3 when left out"},
        {"elu", 1, 2, "", "elu(x, alpha)",
         "x for x > 0, alpha * (exp(x) - 1) otherwise; alpha is 1 when left out"},
        {"gelu", 1, 1, "", "gelu(x)", "x / 2 * (1 + erf(x / sqrt(2)))"},
        {"silu", 1, 1, "", "silu(x)", "x * sigmoid(x)"},
        {"sigmoid", 1, 1, "", "sigmoid(x)", "1 / (1 + exp(-x))"},
        {"softplus", 1, 1, "", "softplus(x)", "log(1 + exp(x)), without overflow"},
        {"tanh", 1, 1, "", "tanh(x)", "hyperbolic tangent", kOrWeights},
    };
}

/// Functions of whole tensors, and noise.
std::vector<FunctionRow> of_tensors() {
    return {
        {"softmax", 1, 1, "axis", "softmax(x)", "over the last dimension, the channels"},
        {"log_softmax", 1, 1, "axis", "log_softmax(x)", "log(softmax(x)), without overflow"},
        {"sum", 1, 1, "axis|keep", "sum(x)", "a reduction", kOrWeights},
        {"mean", 1, 1, "axis|keep", "mean(x)",
         "a reduction: sum, divided by the number of elements", kOrWeights},
        {"logsumexp", 1, 1, "axis|keep", "logsumexp(x)",
         "a reduction: log(sum(exp(x))), without overflow"},
        {"norm", 1, 1, "axis|keep", "norm(x)",
         "a reduction: sqrt(sum(x^2)); 1e-12 under the root, so that its "
         "derivatives are 0 at 0",
         kOrWeights},
        {"bce_with_logits", 2, 2, "", "bce_with_logits(logits, target)",
         "softplus(logits) - logits * target, element by element: binary cross-entropy of "
         "sigmoid(logits)"},
        {"index", 1, 1, "", "index(n)", "[0, 1, ..., n - 1], the same for every example"},
        {"eye", 1, 1, "", "eye(n)",
         "[n, n] of ones where row and column are equal, else zeros; the same for every example"},
        {"size_of", 2, 2, "", "size_of(x, axis)",
         "how many elements an axis of the example has, counted from 0 or from the end by -1: a "
         "number that is known before training, as in `reshape(x, [size_of(x, 0), -1])`"},
        {"matmul", 2, 2, "", "matmul(a, b)",
         "matrix product of [..., N, K] and [..., K, M]; axes in front meet as in arithmetic, a "
         "vector is a row on the left and a column on the right"},
        {"lookup", 2, 2, "", "lookup(table, index)",
         "for each index, counted from 0, its row of a table [rows, ...]; zeros for an index that "
         "is none. Its gradient adds up in the rows"},
        {"cumsum", 1, 1, "axis|exclusive", "cumsum(x)",
         "sums of all numbers up to each along the last axis; with `exclusive=true` without "
         "itself"},
        {"cumprod", 1, 1, "axis|exclusive", "cumprod(x)", "the same of products"},
        {"sort", 1, 1, "axis|descending", "sort(x)",
         "along the last axis; its gradient goes back to where each number came from"},
        {"rank", 1, 1, "axis|descending", "rank(x)",
         "the place of each number along the last axis when they are sorted, counted from 0; no "
         "gradient. `rank(uniform(49)) < 12` chooses 12 of 49"},
        {"top_k", 2, 2, "axis", "top_k(x, k)",
         "the k largest numbers along the last axis, descending"},
        {"examples", 1, 1, "", "examples(x)",
         "x of all examples of the batch as one tensor [N, ...] without a batch, which meets each "
         "example: pairs are `x - examples(x)`. A smaller last batch repeats its examples"},
        {"shuffled", 1, 1, "axis", "shuffled(x)",
         "x with the examples of the batch in a random order, in a smaller last batch those that "
         "it has; with `axis=k` each position of that axis in an order of its own"},
        {"normal", 1, kAnyCount, "", "normal(x), normal(network) or normal(128)",
         "fresh noise of N(0, 1): shaped like x, like the input of a network, or of that shape per "
         "example"},
        {"uniform", 1, kAnyCount, "", "uniform(x), uniform(network) or uniform(1)",
         "fresh noise in [0, 1), shaped like normal's"},
        {"zeros", 1, kAnyCount, "", "zeros(x), zeros(network) or zeros(28, 28)",
         "zeros, shaped like normal's"},
        {"ones", 1, kAnyCount, "", "ones(x), ones(network) or ones(28, 28)",
         "ones, shaped like normal's"},
        {"bernoulli", 1, 1, "", "bernoulli(p)", "1 with probability p, else 0; no gradient"},
        {"categorical", 1, 1, "", "categorical(logits)",
         "a class drawn from softmax(logits); no gradient"},
        {"one_hot", 1, 2, "", "one_hot(labels, classes)",
         "1 at the label, 0 elsewhere; classes are those of the data when left out"},
        {"argmax", 1, 1, "", "argmax(x)",
         "where x is largest along the last dimension, counted from 0, the first at ties; no "
         "gradient"},
        {"batch_mean", 1, 1, "", "batch_mean(x)",
         "over the batch, element by element: one tensor of the example's shape"},
        {"concat", 2, kAnyCount, "axis", "concat(a, b)",
         "joined along the last dimension, the channels"},
        {"lerp", 3, 3, "", "lerp(a, b, t)", "a + (b - a) * t"},
    };
}

/// Gradients, weights and schedules.
std::vector<FunctionRow> of_training() {
    return {
        {"grad", 2, 2, "", "grad(f, x)",
         "the gradient of sum(f) with respect to x, shaped like x, or to the weights of a network; "
         "can be differentiated again"},
        {"stop_gradient", 1, 1, "", "stop_gradient(x)", "x, a constant for gradients", kOrWeights},
        {"averaged", 1, 1, "", "averaged(x)",
         "x with the moving averages of the weights in place of the trained ones, where `train` or "
         "an entry of `minimize` has an `average`; running statistics stay those of the trained "
         "network, unless `average_statistics` is set there"},
        {"every", 2, 2, "", "every(x, 16)",
         "a term of a loss that is computed in each 16th step of training only, from the first on: "
         "there it is x with 16 times its gradient, elsewhere 0, so that the mean gradient is that "
         "of x. (StyleGAN2 gives such a term updates of its own, and so adapts Adam's betas; here "
         "it is a part of the step's one update.) A metric or `state` that uses it is measured or "
         "moves in those steps; in `evaluate` it is x"},
        {"linear", 4, 4, "", "linear(from, to, over, unit)",
         "straight from `from` to `to` in `over` units (the word epoch or step), then `to`"},
        {"cosine", 4, 4, "", "cosine(from, to, over, unit)",
         "half a cosine from `from` to `to`, then `to`"},
        {"steps", 4, 4, "", "steps(from, factor, every, unit)",
         "from * factor^floor(t / every), t being the word epoch or step"},
        {"one_cycle", 3, 3, "", "one_cycle(peak, over, unit)",
         "half a cosine from peak / 25 up to peak in 0.3 * over units, then one down to "
         "peak / 250,000, and stays"},
        {"cyclical", 5, 5, "", "cyclical(from, to, growing, every, unit)",
         "in each cycle of `every` units straight from `from` to `to` in the share `growing` of "
         "it, "
         "then `to`"},
        {"warm_up", 2, 2, "", "warm_up(over, unit)",
         "a factor that grows to 1: min((step + 1) / over, 1), or min(epoch / over, 1)"},
    };
}

}  // namespace

const std::vector<FunctionRow>& function_table() {
    static const std::vector<FunctionRow> kTable = [] {
        std::vector<FunctionRow> table = element_wise();
        for (FunctionRow& row : of_tensors()) table.push_back(std::move(row));
        for (FunctionRow& row : of_training()) table.push_back(std::move(row));
        return table;
    }();
    return kTable;
}

const FunctionRow* find_function(std::string_view name) {
    for (const FunctionRow& row : function_table())
        if (row.name == name) return &row;
    return nullptr;
}

std::vector<std::string> constant_names() { return {"step", "epoch", "pi"}; }

bool is_constant(std::string_view name) {
    return name == "step" || name == "epoch" || name == "pi";
}

}  // namespace gmc::dsl
