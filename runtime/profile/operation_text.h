// Describes operations as the model's author knows them: by kind, by the names of results, by place
// in the model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "runtime/profile/step_profile.h"

namespace gmc::runtime {

/// "conv", "matmul", "concat"; "loop" for everything that runs as a fused loop.
std::string kind_of(const OperationProfile& profile);
/// Names operations by their results, as in "%decoder.dense". A result without a name may be the
/// new value of a parameter, and is called "@decoder.dense.weight". Otherwise, as for gradients,
/// the name of another value from the same place of the model is added: "%529 at decoder.dense".
class OperationNames {
  public:
    explicit OperationNames(const ir::Module& module);
    std::string of(const ir::Function& function, const ir::Operation& operation) const;

  private:
    void note(const ir::Function& function, const ir::Operation& operation);
    const ir::Module& module_;
    /// File, line and column -> the first name from there.
    std::map<std::tuple<int32_t, int32_t, int32_t>, std::string> names_;
};
/// "models/vae_mlp.yaml:28:9"; "" when the place is not known.
std::string place_of(const ir::Module& module, const ir::Operation& operation);

}  // namespace gmc::runtime
