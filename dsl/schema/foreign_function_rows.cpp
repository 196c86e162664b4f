// Functions of other libraries, beside foreign_word_rows.cpp, and what they are called here or how
// the same is written.
#include "dsl/schema/foreign_word_rows.h"

namespace gmc::dsl {
namespace {

/// A word that is allowed where functions of expressions stand.
constexpr const char* kNearFunctions = "bce_with_logits";

/// Functions that have another name here.
std::vector<ForeignWord> with_a_name() {
    return {
        {"accuracy|acc|categoricalaccuracy|binaryaccuracy", "",
         "a metric is an expression with a name: `metrics: {accuracy: mean(argmax(logits) == "
         "label)}`",
         kNearFunctions},
        {"len|size|numel|prod", "", "sizes are known beforehand: write the number", kNearFunctions},
        {"e", "", "e^x is written `exp(x)`", kNearFunctions},
        {"sample|rsample", "",
         "a sample of a Gaussian is written `q.mean + exp(q.log_variance / 2) * normal(q.mean)`",
         kNearFunctions},
        {"randnlike|randn|gaussian|randomnormal|noise|standardnormal|gaussiannoise", "normal"},
        {"rand|randlike|random|randomuniform", "uniform"},
        {"sign|sgn|signum", "", "the sign of x is written `(x > 0) - (x < 0)`", kNearFunctions},
        {"squared|sqr", "square", "a square is also written `x^2`", kNearFunctions},
        {"backward|step|zerograd", "",
         "gradients are taken of the `loss` of each entry of `minimize`; nothing is called",
         kNearFunctions},
        {"item|numpy|cpu|cuda|to|float|tolist|eval|train", "",
         "values have no device and one type: leave this out", kNearFunctions},
        {"mseloss|mse|meansquarederror|squarederror|squareddifference|l2loss", "",
         "the squared error is written `mean(sum((a - b)^2))`", kNearFunctions},
        {"l1loss|mae|meanabsoluteerror|absoluteerror|smoothl1loss|huberloss", "",
         "the absolute error is written `mean(sum(abs(a - b)))`", kNearFunctions},
        {"binarycrossentropy|bceloss|bce|bcewithlogitsloss|binarycrossentropywithlogits|"
         "sigmoidcrossentropywithlogits|sigmoidcrossentropy|binarycrossentropywithlogitsloss",
         "bce_with_logits", "it takes logits, what is before a sigmoid", kNearFunctions},
        {"crossentropy|crossentropyloss|categoricalcrossentropy|nllloss|"
         "sparsecategoricalcrossentropy|softmaxcrossentropywithlogits|nll",
         "cross_entropy|cross_entropy_with_logits",
         "`-sum(one_hot(label) * log_softmax(logits))`, one number per example", kNearFunctions},
        {"kldiv|kldivloss|kl|klloss|kldivergence|kullbackleibler", "",
         "from N(mean, exp(log_variance)) to N(0, 1): `sum(-0.5 * (1 + log_variance - mean^2 - "
         "exp(log_variance)))`",
         kNearFunctions},
        {"reducemean|average|avg|expectation", "mean"},
        {"reducesum|total|summation", "sum"},
        {"batchmean|meanoverbatch", "batch_mean"},
        {"pow|power", "", "a power is written `x^2`", kNearFunctions},
        {"cat|concatenate|stack|hstack", "concat"},
        {"detach|nograd|stopgrad", "stop_gradient"},
        {"gradient|gradients|autograd|jacobian|backward|derivative", "grad"},
        {"clip|clampmin|clampmax|clipbyvalue", "clamp"},
        {"ln|logarithm", "log"},
        {"logsigmoid", "", "it is written `-softplus(-x)`", kNearFunctions},
        {"interpolate|mix|mixup|lerpvalues", "lerp"},
        {"l2norm|norm2|linalgnorm|frobenius|l2", "norm"},
        {"maximum|amax", "max"},
        {"minimum|amin", "min"},
        {"absolute|fabs", "abs"},
        {"std|var|variance|stddev|reducestd", "",
         "the variance over the batch is written `mean((x - mean(x, axis=batch))^2, axis=batch)`",
         kNearFunctions},
        {"if|cond|select|switch|ifelse", "where"},
        {"lse|logaddexp|reducelogsumexp", "logsumexp"},
        {"arange|range|iota|linspace", "index"},
        {"mod|fmod|remainder", "", "the remainder is written `a % b`", kNearFunctions},
        {"dot|einsum|mm|bmm|inner|attention", "matmul"},
        {"gather|takealong|indexselect|embeddinglookup", "lookup"},
        {"argsort|randperm|permutation", "rank"},
        {"topk|kthvalue", "top_k"},
        {"view|squeeze|unsqueeze|expanddims", "reshape"},
        {"transpose|swapaxes|moveaxis", "permute"},
        {"zeroslike|oneslike|full|fulllike", "",
         "a number meets any shape: `bce_with_logits(logits, 1)`", kNearFunctions},
        {"multinomial|randomchoice|gumbelsoftmax|onehotcategorical", "categorical"},
        {"lrelu|leakyrelu", "leaky_relu"},
        {"swish", "silu"},
    };
}

/// Functions of other libraries that are written as an expression here.
std::vector<ForeignWord> written_out() {
    return {
        {"log1p", "", "it is written `log(1 + x)`", kNearFunctions},
        {"expm1", "", "it is written `exp(x) - 1`", kNearFunctions},
        {"log2", "", "it is written `log(x) / log(2)`", kNearFunctions},
        {"log10", "", "it is written `log(x) / log(10)`", kNearFunctions},
        {"sinh", "", "it is written `(exp(x) - exp(-x)) / 2`", kNearFunctions},
        {"cosh", "", "it is written `(exp(x) + exp(-x)) / 2`", kNearFunctions},
        {"reciprocal", "", "it is written `1 / x`", kNearFunctions},
        {"softmin", "", "it is written `softmax(-x)`", kNearFunctions},
        {"argmin", "", "it is written `argmax(-x)`", kNearFunctions},
        {"repeat|tile|expand|broadcastto|expandas", "",
         "numbers that are fewer repeat by themselves to meet the others", kNearFunctions},
        {"median|quantile|percentile", "", "there is no such function; `sort(x)` is one",
         kNearFunctions},
    };
}

}  // namespace

std::vector<ForeignWord> foreign_functions() {
    std::vector<ForeignWord> rows = with_a_name(), more = written_out();
    rows.insert(rows.end(), more.begin(), more.end());
    return rows;
}

}  // namespace gmc::dsl
