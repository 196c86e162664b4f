// The header of NumPy's .npy files:
//   93 'N' 'U' 'M' 'P' 'Y' major minor | u16 (1.0) or u32 (2.0) length | a Python dict | values
// Format: NumPy enhancement proposal 1.
#pragma once

#include <string>
#include <string_view>

#include "runtime/data/files/value_reader.h"

namespace gmc::runtime {

/// Reads the header into `block` (whose path is set). Errors (kBadFile) name the offset: not npy, a
/// broken header, column-major, a type that is not read, an array without examples.
[[nodiscard]] bool read_npy_header(const ReadBytes& read, ValueBlock& block,
                                   Diagnostics& diagnostics);

}  // namespace gmc::runtime
