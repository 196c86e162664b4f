// A stored array as a field of examples along its first dimension, checked against what the model
// says of them. The same for idx, npy and npz.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// Where an array is, as ArrayFile::open takes it.
struct ArrayPlace {
    std::string format, path, key;
    bool channels_first = false;  ///< stored as [N, channels, height, width]
};

/// Arrays that take more memory than this stay in their file, however much there is.
inline constexpr uint64_t kArrayMemoryMost = uint64_t{256} << 20;

/// What the values must be.
struct ValueRules {
    std::string name;  ///< of the field, e.g. "image"
    /// u8 values 0 .. 255 are scaled into this range; values of other types must lie in it already.
    /// Without a range values are read as they are (labels).
    std::optional<ValueRange> range;
    /// False: the model gives no `range`, and the default stands here. Values of types other than
    /// u8 then need not lie in it, unless they are pictures (rank 3).
    bool range_given = true;
    /// Values must be 0 .. classes - 1. With 0, single integers without a range are labels anyway,
    /// whose classes are counted.
    int64_t classes = 0;
    /// Read so many examples and leave the rest of the file alone; 0: read all.
    int64_t count = 0;
    /// The shape of an example; without it, what the file says. Labels are {} however they are
    /// wrapped.
    std::optional<std::vector<int64_t>> shape = std::nullopt;
    /// Arrays that take more memory stay in their file, and are read in blocks when they are asked
    /// for (paged_array.h).
    uint64_t memory_most = kArrayMemoryMost;
    /// Examples of such a block; 0: usual_block. The same for all fields of a data set.
    int64_t block = 0;
};

/// How many examples make a block of half a megabyte of floats, for examples of this many values.
int64_t usual_block(uint64_t example_values);

/// Reads an array as float32; bytes stay bytes in memory. Values that are too large for memory are
/// checked when they are read, all others now. Errors: those of ArrayFile; kShapeMismatch (another
/// shape than `rules.shape`), kBadValue (outside the range or the classes, not finite, with the
/// example and the position in it; an empty range), kTooLarge (more than the memory). Warns of
/// bytes that are all 0 or 1 although they are scaled.
Result<FieldPtr> read_array(const ArrayPlace& place, const ValueRules& rules,
                            Diagnostics& diagnostics);

}  // namespace gmc::runtime
