// Functions that make a tensor of the shape which the call asks for: random numbers, zeros or ones.
// Every call that draws takes a new stream, so two calls of `normal(64)` draw different numbers;
// what is to be the same twice has a name in `let`.
#include <fmt/format.h>

#include <cmath>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::Shape;

/// Adds a size of noise to its shape; false after an error.
bool add_size(Evaluator& e, const Expression& text, const Evaluated& size, Shape& shape) {
    constexpr double kMost = 1e6;
    const double n = size.number.value_or(0.5);
    if (n >= 1 && n == std::floor(n) && n <= kMost) {
        shape.push_back(static_cast<int64_t>(n));
        return true;
    }
    e.fail(
        DiagnosticKind::kBadExpression, text.span,
        fmt::format("{} is no size: that is a whole number from 1 to 1,000,000", describe(e, size)),
        "the arguments are a shape; noise of mean a and deviation b is `a + b * normal(x)`");
    return false;
}

/// The batched shape that `normal(like)` asks for: a number n means [n], a list of them a shape, a
/// network the shape of its first input, and a value its own shape.
bool shape_like(Evaluator& e, const Expression& like, Shape& shape) {
    FunctionScope& f = e.scope();
    const bool member = like.kind == Expression::Kind::kMember &&
                        like.arguments[0]->kind == Expression::Kind::kName;
    if (const auto* network =
            like.kind == Expression::Kind::kName ? e.network_named(like.text) : nullptr;
        network != nullptr && !network->is_parameter) {
        if (!input_shape(f.m, network->inputs.front(), shape)) return false;
        shape = batched(f.m.batch, shape);
        return true;
    }
    if (const auto* network = member ? e.network_named(like.arguments[0]->text) : nullptr) {
        for (const dsl::NetworkInput& input : network->inputs)
            if (input.name == like.text) {
                if (!input_shape(f.m, input, shape)) return false;
                shape = batched(f.m.batch, shape);
                return true;
            }
    }
    if (like.kind == Expression::Kind::kList) {
        shape = {f.m.batch};
        for (const dsl::ExpressionPtr& size : like.arguments) {
            const Evaluated n = e.whole(*size);
            if (n.failed || !add_size(e, *size, n, shape)) return false;
        }
        return true;
    }
    const Evaluated x = e.whole(like);
    if (x.failed) return false;
    shape = {f.m.batch};
    if (x.number) return add_size(e, like, x, shape);
    shape = x.batched ? e.b().shape(x.value) : batched(f.m.batch, e.b().shape(x.value));
    return true;
}

enum class Fill { kNormal, kUniform, kZeros, kOnes };

/// `normal(...)`, `uniform(...)`, `zeros(...)`, `ones(...)`. Several arguments are the sizes of an
/// example's axes.
template <Fill kFill>
Evaluated filled(Evaluator& e, const Expression& call) {
    Evaluated result;
    Shape shape;
    for (const auto& size : call.arguments) {
        Shape one;
        if (!shape_like(e, *size, one)) return result.failed = true, result;
        if (shape.empty())
            shape = one;
        else
            shape.push_back(one.back());
    }
    switch (kFill) {
        case Fill::kNormal:
            result.value = e.scope().random_normal(shape);
            break;
        case Fill::kUniform:
            result.value = e.scope().random_uniform(shape);
            break;
        default:
            result.value = e.b().constant(kFill == Fill::kOnes ? 1 : 0, shape);
    }
    result.batched = true;
    return result;
}

/// 1 with probability p, otherwise 0, element by element.
Evaluated bernoulli(Evaluator& e, const Expression& call) {
    Evaluated p = argument(e, call, 0);
    if (p.failed) return p;
    if (p.number)
        return e.fail(DiagnosticKind::kWrongType, call.arguments[0]->span,
                      "`bernoulli` needs a tensor of probabilities");
    p.value = e.b().emit(ir::Greater{}, {p.value, e.scope().random_uniform(e.b().shape(p.value))});
    return p;
}

}  // namespace

CallFunctions random_functions() {
    return {
        {"bernoulli", bernoulli},
        {"normal", filled<Fill::kNormal>},
        {"uniform", filled<Fill::kUniform>},
        {"zeros", filled<Fill::kZeros>},
        {"ones", filled<Fill::kOnes>},
    };
}

}  // namespace gmc::lower
