// Builds two modules from one function: one computes f, which is evaluated at shifted inputs, and
// one computes df/dx by autodiff.
#include <fmt/format.h>

#include "compiler/ir/text/printer.h"
#include "compiler/passes/differentiate.h"
#include "compiler/support/check.h"
#include "tests/numeric/gradient/gradient_check.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {
namespace {

/// Near the best for doubles: with Richardson's extrapolation the error of the formula is of order
/// h^4, that is 1e-12 here, and rounding adds about 1e-16 / h = 1e-13. A power of two, so x + h - x
/// is h.
constexpr double kStep = 0x1p-10;

/// A differentiated module whose only function has the results f, or g0, g1, ... .
struct Built {
    ir::Module module;
    runtime::ReferenceInputs inputs;
    std::vector<std::string> names;  ///< of the inputs to differentiate by

    std::map<std::string, runtime::ReferenceTensor> run(const runtime::ReferenceInputs& at) const {
        runtime::ReferenceStates none;
        return runtime::run_reference(module, module.functions[0], at, none, {}).results;
    }
    double value(const runtime::ReferenceInputs& at) const { return run(at).at("f").data[0]; }
};

/// Both modules of a check are built with the same seed, so their inputs hold the same numbers.
Built build(const std::vector<Operand>& operands, const ScalarFunction& f, uint64_t seed,
            bool gradients) {
    Built built;
    built.module.name = "gradient_check";
    ir::Function& function = built.module.functions.emplace_back();
    function.name = "f";
    ir::Builder builder(built.module, function);
    TestRandom random(seed);
    Scope scope(builder, random);
    std::vector<ir::ValueId> x, by;
    for (const Operand& operand : operands) {
        x.push_back(scope.input(operand));
        if (!operand.differentiate) continue;
        by.push_back(x.back());
        built.names.push_back(function.values[x.back()].name);
    }
    const ir::ValueId scalar = f(scope, x);
    GMC_CHECK(builder.type(scalar).is_scalar(), "the function under test gives {}",
              ir::to_string(builder.type(scalar)));
    if (gradients) {
        int index = 0;
        for (ir::ValueId g : scope.gradient(scalar, by))
            function.results.push_back({fmt::format("g{}", index++), g});
    } else {
        function.results.push_back({"f", scalar});
    }
    built.inputs = scope.inputs();
    Diagnostics diagnostics;
    GMC_CHECK(passes::differentiate(built.module, diagnostics).ok(), "{}", diagnostics.render());
    return built;
}

/// df/dx of one element by central differences with steps h and h/2, whose errors of order h^2
/// cancel (Richardson).
double slope(const Built& f, runtime::ReferenceInputs& at, double& element) {
    const double x = element;
    const auto central = [&](double h) {
        element = x + h;
        const double above = f.value(at);
        element = x - h;
        const double below = f.value(at);
        element = x;
        return (above - below) / (2 * h);
    };
    return (4 * central(kStep / 2) - central(kStep)) / 3;
}

}  // namespace

/// Two numbers are drawn for each element whatever the fill, so that another fill of one operand
/// does not change the numbers of the next.
ir::ValueId Scope::input(const Operand& operand) {
    ir::Function& function = b.function();
    const std::string name = fmt::format("x{}", inputs_.size());
    const ir::ValueId id = function.add_value(name, ir::f32(operand.shape));
    function.inputs.push_back({id, {}});
    std::vector<double>& data = inputs_[name];
    for (int64_t i = 0; i < b.type(id).elements(); ++i) {
        const double x = random_.uniform(operand.low, operand.high);
        const bool heads = random_.chance(0.5);
        switch (operand.fill) {
            case Fill::kUniform:
                data.push_back(x);
                break;
            case Fill::kAwayFromZero:
                data.push_back(heads ? -x : x);
                break;
            case Fill::kDistinct:
                data.push_back(operand.low + 0.1 * static_cast<double>(i));
                break;
            case Fill::kZeroOrOne:
                data.push_back(heads);
                break;
        }
    }
    if (operand.fill == Fill::kDistinct) random_.shuffle(data);
    return id;
}

std::vector<ir::ValueId> Scope::gradient(ir::ValueId f, const std::vector<ir::ValueId>& x) {
    ir::Operation op;
    op.op = ir::Gradient{};
    op.operands.push_back(f);
    for (ir::ValueId id : x) {
        op.operands.push_back(id);
        op.results.push_back(b.function().add_value("", b.type(id)));
    }
    b.function().operations.push_back(op);
    return op.results;
}

std::string check_gradient(const std::vector<Operand>& operands, const ScalarFunction& f,
                           uint64_t seed) {
    const Built value = build(operands, f, seed, false);
    const Built gradient = build(operands, f, seed, true);
    const auto found = gradient.run(gradient.inputs);
    runtime::ReferenceInputs at = value.inputs;
    std::string wrong;
    for (size_t i = 0; i < value.names.size(); ++i) {
        std::vector<double>& x = at.at(value.names[i]);
        std::vector<double> expected;
        for (double& element : x) expected.push_back(slope(value, at, element));
        wrong += difference("df/d" + value.names[i], found.at(fmt::format("g{}", i)).data, expected,
                            kGradient);
    }
    return wrong.empty() ? "" : wrong + ir::print(gradient.module);
}

ScalarFunction gradient_of(ScalarFunction f) {
    return [f = std::move(f)](Scope& s, const std::vector<ir::ValueId>& x) {
        const ir::ValueId inner = f(s, x);
        ir::ValueId total = s.b.constant(0);
        for (ir::ValueId g : s.gradient(inner, x)) total = s.b.add(total, s.weighted_sum(g));
        return total;
    };
}

std::vector<std::vector<double>> gradients_at(const std::vector<ir::Shape>& shapes,
                                              const std::vector<std::vector<double>>& x,
                                              const ScalarFunction& f) {
    std::vector<Operand> operands;
    for (const ir::Shape& shape : shapes) operands.push_back({shape});
    Built built = build(operands, f, 1, true);
    for (size_t i = 0; i < x.size(); ++i) built.inputs.at(built.names[i]) = x[i];
    const auto results = built.run(built.inputs);
    std::vector<std::vector<double>> out;
    for (size_t i = 0; i < x.size(); ++i) out.push_back(results.at(fmt::format("g{}", i)).data);
    return out;
}

}  // namespace gmc::tests
