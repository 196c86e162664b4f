// A model of one network, from the lines of its layers: what tests of layers run and differentiate.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {

/// Its functions take x [2, D..., C], the input of the network:
///     apply(x)  the network's result
///     value(x)  sum of the cubes of the result, per example: not symmetric, with curvature everywhere
///     slope(x)  gradient of value by x;   steepness(x)  the sum of its squares
///     bend(x)   gradient of steepness by x, second derivatives of the network
/// and `step` is one of gradient descent with rate 1 on the mean value over normal x.
class LayerModel {
  public:
    /// `input` as in the language, "[4, 5, 2]"; one line per layer, as "conv2d: {filters: 3,
    /// kernel: 3}".
    LayerModel(const std::string& input, const std::vector<std::string>& layers);

    /// Parameters and x: distinct numbers, 0.04 apart in each tensor, so that differences meet no
    /// ties; parameters of one number per channel are among them.
    const RunInputs& inputs() const { return inputs_; }
    /// The first of `parameters.x` that is called so: "net.conv2d.weight".
    const std::vector<double>& parameter(const std::string& name) const;
    const std::vector<double>& x() const { return inputs_.inputs.at("x"); }

    /// The result of a function in the double reference, before any pass but differentiation.
    std::vector<double> run(const std::string& function) const { return run(function, inputs_); }
    ir::Shape shape_of(const std::string& function) const;

    /// First and second derivatives by x, and first by all parameters, against differences; "" when
    /// they agree.
    std::string check_gradients() const;
    /// The whole pipeline and the fast kernels against the reference, for apply, bend and step.
    std::string check_fast_path() const;

  private:
    std::vector<double> run(const std::string& function, const RunInputs& inputs) const;
    std::string check_slope(const std::string& f, const std::string& gradient) const;
    std::string check_step() const;

    ir::Module module_, compiled_;
    RunInputs inputs_;
};

}  // namespace gmc::tests
