// A model of one network, made from the lines of its layers, which tests run and differentiate.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {

/// Its functions take x [2, D..., C], the input of the network:
///     apply(x)  the result of the network
///     value(x)  the sum of cubes of the result, per example: unsymmetric, and curved everywhere
///     slope(x)  the gradient of value by x;   steepness(x)  the sum of squares of slope
///     bend(x)   the gradient of steepness by x: second derivatives of the network
/// and `step`, one step of gradient descent with rate 1 on the mean of value over normal x.
class LayerModel {
  public:
    /// `input` as in the language, "[4, 5, 2]"; one line per layer, such as "conv2d: {filters: 3,
    /// kernel: 3}".
    LayerModel(const std::string& input, const std::vector<std::string>& layers);

    /// Parameters and x. In each tensor the numbers are distinct and 0.04 apart, so that
    /// differences meet no ties. That includes parameters of one number per channel.
    const RunInputs& inputs() const { return inputs_; }
    /// The first of `parameters.x` with this name, such as "net.conv2d.weight".
    const std::vector<double>& parameter(const std::string& name) const;
    const std::vector<double>& x() const { return inputs_.inputs.at("x"); }

    /// The result of a function in the double reference; of all passes only differentiation has
    /// run.
    std::vector<double> run(const std::string& function) const { return run(function, inputs_); }
    ir::Shape shape_of(const std::string& function) const;

    /// Compares first and second derivatives by x, and first derivatives by all parameters, with
    /// differences; "" when they agree.
    std::string check_gradients() const;
    /// Compares all passes and the fast kernels with the reference, for apply, bend and step.
    std::string check_fast_path() const;

  private:
    std::vector<double> run(const std::string& function, const RunInputs& inputs) const;
    std::string check_slope(const std::string& f, const std::string& gradient) const;
    std::string check_step() const;

    ir::Module module_, compiled_;
    RunInputs inputs_;
};

}  // namespace gmc::tests
