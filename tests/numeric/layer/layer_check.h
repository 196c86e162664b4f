// Tests layers as a model's author writes them. They are applied in the double reference, results
// are compared with plain loops, and gradients with differences.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/reference/reference.h"
#include "tests/numeric/tolerances.h"

namespace gmc::tests {

using Numbers = std::vector<double>;

/// A network applied once to random numbers in [-1, 1).
class LayerCheck {
  public:
    /// `inputs` and `layers` are written as under `networks:` in flow style: "x: [2, 3]", "dense:
    /// 4, relu". The data have `image` [28, 28, 1] and `label` of 8 classes, which is 0, 1, 2, ...
    /// here.
    LayerCheck(const std::string& inputs, const std::string& layers, bool training = true,
               const std::string& outputs = "");

    Numbers& input(const std::string& name) { return inputs_.at(name); }
    /// A state by its name after the network's, "dense.weight".
    Numbers& state(const std::string& name);
    /// The initial value of a state.
    Numbers initial(const std::string& name) const;
    /// Sets `step` for later runs; it is 0 before.
    void set_step(double step) { call_.step = step; }
    /// The results by name, "" for a single one, and the states that the run moved, as "@dense.u".
    std::map<std::string, Numbers> run();
    /// First derivatives by autodiff of the sum over results of result * the input `w_NAME`; by
    /// name of the input, or "@" and the state's name.
    std::map<std::string, Numbers> slopes() const;
    /// Compares with differences the derivatives of a random weighted sum of all results with
    /// respect to all parameters and inputs, except labels. With `order` 2: of a weighted sum of
    /// the first derivatives. Statistics count as constants. "" or a description.
    std::string gradients(int order);
    /// Runs the same function with first-order gradients through all passes and the fast float
    /// kernels: "" or how it differs from the reference.
    std::string fast_path() const;

  private:
    std::string inputs_text_, layers_, outputs_;
    bool training_;
    ir::Module module_;
    runtime::ReferenceInputs inputs_;
    runtime::ReferenceStates states_;
    runtime::CallContext call_;

    ir::Module build(int order, std::vector<std::string>& by) const;
};

}  // namespace gmc::tests
