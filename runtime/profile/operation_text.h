// Operations as people know them: their kind, the names of their results, their place in the model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "runtime/profile/step_profile.h"

namespace gmc::runtime {

/// "conv", "matmul", "concat"; "loop" for everything that runs as one.
std::string kind_of(const OperationProfile& profile);
/// Names of operations by their results: "%decoder.dense". Results without a name of their own are
/// known by the parameter that they are from now on, "@decoder.dense.weight", or, as gradients,
/// with what else comes from the same place of the model, "%529 at decoder.dense".
class OperationNames {
  public:
    explicit OperationNames(const ir::Module& module);
    std::string of(const ir::Function& function, const ir::Operation& operation) const;

  private:
    void note(const ir::Function& function, const ir::Operation& operation);
    const ir::Module& module_;
    /// By file, line and column: the first name.
    std::map<std::tuple<int32_t, int32_t, int32_t>, std::string> names_;
};
/// "models/vae_mlp.yaml:28:9"; "" when it is not known.
std::string place_of(const ir::Module& module, const ir::Operation& operation);

}  // namespace gmc::runtime
