// One overload per element-wise op; a missing one is a build error that names the op's struct.
#include "compiler/passes/algebra/scalar_value.h"

#include <algorithm>
#include <cmath>

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: a table about ir's ops

using Numbers = std::span<const double>;

double value(const Abs&, Numbers x) { return std::abs(x[0]); }
double value(const Add&, Numbers x) { return x[0] + x[1]; }
double value(const Cos&, Numbers x) { return std::cos(x[0]); }
double value(const Div&, Numbers x) { return x[0] / x[1]; }
double value(const Equal&, Numbers x) { return x[0] == x[1] ? 1 : 0; }
double value(const Erf&, Numbers x) { return std::erf(x[0]); }
double value(const Exp&, Numbers x) { return std::exp(x[0]); }
double value(const Floor&, Numbers x) { return std::floor(x[0]); }
double value(const Greater&, Numbers x) { return x[0] > x[1] ? 1 : 0; }
double value(const LeakyRelu& op, Numbers x) {
    if (std::isnan(x[0]) || x[0] > 0) return x[0];
    return op.slope == 0 ? 0 : op.slope * x[0];
}
double value(const Log&, Numbers x) { return std::log(x[0]); }
double value(const Maximum&, Numbers x) { return std::isnan(x[0]) || x[0] > x[1] ? x[0] : x[1]; }
double value(const Minimum&, Numbers x) { return std::isnan(x[0]) || x[0] < x[1] ? x[0] : x[1]; }
double value(const Mul&, Numbers x) { return x[0] * x[1]; }
double value(const Neg&, Numbers x) { return -x[0]; }
double value(const Pow& op, Numbers x) { return std::pow(x[0], op.exponent); }
double value(const Select&, Numbers x) { return x[0] != 0 ? x[1] : x[2]; }
double value(const Sigmoid&, Numbers x) { return 1 / (1 + std::exp(-x[0])); }
double value(const Sign&, Numbers x) {
    return std::isnan(x[0]) ? x[0] : x[0] > 0 ? 1 : x[0] < 0 ? -1 : 0;
}
double value(const Sin&, Numbers x) { return std::sin(x[0]); }
double value(const Softplus&, Numbers x) {
    return std::max(x[0], 0.0) + std::log1p(std::exp(-std::abs(x[0])));
}
double value(const Sqrt&, Numbers x) { return std::sqrt(x[0]); }
double value(const StopGradient&, Numbers x) { return x[0]; }
double value(const Sub&, Numbers x) { return x[0] - x[1]; }
double value(const Tanh&, Numbers x) { return std::tanh(x[0]); }

template <typename Op>
std::optional<double> value_of(const Op& op, Numbers operands) {
    if constexpr (Op::kInfo.has(kElementwise))
        return value(op, operands);
    else
        return std::nullopt;
}
/// Depends on the type.
std::optional<double> value_of(const Cast&, Numbers) { return std::nullopt; }
std::optional<double> value_of(const std::monostate&, Numbers) { return std::nullopt; }

}  // namespace

std::optional<double> scalar_value(const OpVariant& op, std::span<const double> operands) {
    return std::visit([&](const auto& o) { return value_of(o, operands); }, op);
}

}  // namespace gmc::passes
