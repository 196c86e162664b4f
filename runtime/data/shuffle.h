// The order in which an epoch visits the examples.
#pragma once

#include <cstdint>
#include <vector>

namespace gmc::runtime {

/// A permutation of 0 .. count - 1 (Fisher and Yates, driven by Philox): a pure function of its
/// arguments, so that a run resumed in the middle of an epoch sees the rest of the same order.
/// About 1 ms for 60,000.
std::vector<int64_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch);

}  // namespace gmc::runtime
