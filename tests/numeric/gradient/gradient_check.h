// Compares gradients by autodiff with central differences; both run in the double reference.
// A test gives operands and a scalar function of them, written with the builder. When the function
// has gradients inside it, the check is one of second (or higher) order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/ir/builder.h"
#include "runtime/reference/reference.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {

/// Which numbers an operand gets. Differences are wrong near a kink, so ops with kinks need
/// operands that keep a distance from it.
enum class Fill {
    kUniform,       ///< anywhere in [low, high)
    kAwayFromZero,  ///< +-[low, high)
    kDistinct,      ///< a shuffled ladder with rungs 0.1 apart, raised by `low`
    kZeroOrOne,
};

/// An operand of a function under test: its shape, its numbers, and whether gradients by it are
/// compared (conditions of `select` have none).
struct Operand {
    ir::Shape shape;
    Fill fill = Fill::kUniform;
    double low = -1, high = 1;
    bool differentiate = true;
};

/// A function under construction, and the numbers of its inputs.
class Scope {
  public:
    Scope(ir::Builder& builder, TestRandom& random) : b(builder), random_(random) {}

    ir::Builder& b;

    /// A new input, filled with numbers as `operand` says.
    ir::ValueId input(const Operand& operand);
    /// A new input of fixed random numbers in +-[0.5, 1.5). As weights they make sure that every
    /// element of a result counts.
    ir::ValueId weights(const ir::Shape& shape) {
        return input({shape, Fill::kAwayFromZero, 0.5, 1.5});
    }

    ir::ValueId sum(ir::ValueId x) { return b.reduce_sum(x, ir::all_axes(b.type(x).rank())); }
    /// sum(x * random weights)
    ir::ValueId weighted_sum(ir::ValueId x) { return sum(b.mul(x, weights(b.shape(x)))); }
    /// A `gradient` op: df/dx for each x.
    std::vector<ir::ValueId> gradient(ir::ValueId f, const std::vector<ir::ValueId>& x);

    const runtime::ReferenceInputs& inputs() const { return inputs_; }

  private:
    TestRandom& random_;
    runtime::ReferenceInputs inputs_;
};

/// A scalar function of x.
using ScalarFunction = std::function<ir::ValueId(Scope&, const std::vector<ir::ValueId>& x)>;

/// Compares df/dx by autodiff with central differences, for every element of every operand that is
/// to be differentiated. "" when all agree within kGradient; otherwise the worst element and the
/// IR.
std::string check_gradient(const std::vector<Operand>& operands, const ScalarFunction& f,
                           uint64_t seed = 1);

/// The scalar sum over i of sum(df/dx_i * random weights). The gradient of that is a second
/// derivative of f.
ScalarFunction gradient_of(ScalarFunction f);

/// The tensors df/dx by autodiff, at inputs given element by element; for inputs at kinks.
std::vector<std::vector<double>> gradients_at(const std::vector<ir::Shape>& shapes,
                                              const std::vector<std::vector<double>>& x,
                                              const ScalarFunction& f);

}  // namespace gmc::tests
