// What pairing.cpp and pytorch_pairing.cpp share: the tensors that a file offers, under the names
// that the model would use.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "runtime/weights/pairing.h"

namespace gmc::runtime {

/// A tensor of the file; `name` begins with the name of a network of the model.
struct Offered {
    std::string name;
    const StoredTensor* tensor = nullptr;
};

/// Adds to `out` the pairs of `states`, which are the parameters and statistics of `networks`.
void pair_by_name(const std::vector<Offered>& offered, const ir::Module& module,
                  const std::vector<ir::StateId>& states, WeightPairs& out);
/// The same for a `state_dict`.
void pair_pytorch(const std::vector<Offered>& offered, const ir::Module& module,
                  const std::vector<ir::StateId>& states, WeightPairs& out);

}  // namespace gmc::runtime
