// Layers as a model's author writes them, applied in the double reference: their results, for
// comparison with plain loops, and their gradients against differences.
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
    /// `inputs` and `layers` as under `networks:` in flow style: "x: [2, 3]", "dense: 4, relu". The
    /// data has `image` [28, 28, 1] and `label` of 8 classes, whose numbers are 0, 1, 2, ... here.
    LayerCheck(const std::string& inputs, const std::string& layers, bool training = true,
               const std::string& outputs = "");

    Numbers& input(const std::string& name) { return inputs_.at(name); }
    /// A state by its name behind the network's, "dense.weight".
    Numbers& state(const std::string& name);
    /// What a state starts with.
    Numbers initial(const std::string& name) const;
    /// `step` of the runs from now on; 0 before.
    void set_step(double step) { call_.step = step; }
    /// The results by their names, "" for the only one; states moved by the run as "@dense.u".
    std::map<std::string, Numbers> run();
    /// First derivatives by autodiff of the sum over results of result times the input `w_NAME`, by
    /// input's name and "@" and state's name.
    std::map<std::string, Numbers> slopes() const;
    /// Derivatives of a random weighted sum of all results by all parameters and inputs but labels,
    /// against differences; of `order` 2, those of a weighted sum of the first derivatives. "" or
    /// what differs. Statistics are constants.
    std::string gradients(int order);
    /// The same function, gradients of `order` 1 and all, through the pipeline of passes and run by
    /// fast kernels in float: "" or what differs from the reference.
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
