// The idx format of MNIST and its relatives, plain or gzip-compressed:
//   00 00 type rank | rank u32 dimensions, the first counts examples | values    (all big-endian)
// The header is trusted in nothing: memory grows with the bytes really read.
// Format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "file
// formats".
#pragma once

#include <optional>
#include <string>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct IdxOptions {
    std::string name;  ///< of the field, e.g. "image"
    /// u8 values 0 .. 255 are scaled into this range; values of other types must lie in it already.
    /// Without a range values are read as they are (labels).
    std::optional<ValueRange> range;
};

/// Reads a whole idx file into memory. Types u8, i8, i16, i32, f32, f64 are read as float32 (so i32
/// beyond 2^24 is rounded). Shapes of one example: rank 1 gives {} (with class_count = largest
/// value + 1 for integers without a range), rank 2 {d1}, rank 3 {d1, d2, 1}, rank 4 {d1, d2, d3}.
/// Errors name the file and the byte offset in its contents: kBadFile (absent, not idx, cut short,
/// too long, corrupt gzip), kBadValue (outside the range, not finite, an empty range), kTooLarge
/// (more than the memory).
Result<FieldPtr> read_idx(const std::string& path, const IdxOptions& options,
                          Diagnostics& diagnostics);

}  // namespace gmc::runtime
