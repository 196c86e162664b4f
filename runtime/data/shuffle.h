// The order in which an epoch visits the examples, and lots by which a part of them is drawn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gmc::runtime {

/// A permutation of 0 .. count - 1 (Fisher and Yates, driven by Philox): a pure function of its
/// arguments, so that a run resumed in the middle of an epoch sees the rest of the same order.
/// About 1 ms for 60,000.
std::vector<int64_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch);

/// The same for examples that are read in blocks of neighbours: the blocks in a random order, and
/// their examples drawn at random from a window of the next kWindowBlocks blocks, into which the
/// following example moves up. So each example is read once, from a block that is read once, and
/// what is drawn together comes from about kWindowBlocks places of the file, even where the file
/// is sorted by class. Also a permutation, and a pure function of its arguments.
inline constexpr int64_t kWindowBlocks = 128;
std::vector<int64_t> windowed_order(int64_t count, int64_t block, uint64_t seed, int64_t epoch);

/// The lot that an example of this name (Field::name_of) draws: evenly spread from 0 to 1, and a
/// pure function of its arguments, whatever other examples there are.
double lot_of(const std::string& name, uint64_t seed);

}  // namespace gmc::runtime
