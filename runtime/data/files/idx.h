// The idx format of MNIST and its relatives, plain or gzip-compressed:
//   00 00 type rank | rank u32 dimensions, the first counts examples | values    (all big-endian)
// The header is trusted in nothing: memory grows with the bytes really read.
// Format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "file
// formats".
#pragma once

#include <string>

#include "runtime/data/files/value_reader.h"

namespace gmc::runtime {

/// Reads a whole idx file into memory. Types u8, i8, i16, i32, f32, f64 are read as float32 (so i32
/// beyond 2^24 is rounded), ranks 1 to 4; shapes and checks as in read_values. Errors name the file
/// and the byte offset in its contents: kBadFile (absent, not idx, cut short, too long, corrupt
/// gzip), kBadValue (outside the range, not finite, an empty range), kTooLarge (more than the
/// memory).
Result<FieldPtr> read_idx(const std::string& path, const ValueRules& rules,
                          Diagnostics& diagnostics);

}  // namespace gmc::runtime
