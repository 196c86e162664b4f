// NumPy's .npy files of float32 arrays: samples and latent codes leave gmc this way.
//   93 'N' 'U' 'M' 'P' 'Y' major minor | u16 length | a Python dict, padded to 64 | values
// Format: NumPy enhancement proposal 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

/// The first bytes of a .npy file (version 1.0, row-major) of this shape and type, by default
/// little-endian float32; the values follow.
std::string npy_header(std::span<const int64_t> shape, std::string_view type = "<f4");

/// Writes a .npy file atomically; `values` has as many floats as the product of `shape`. Errors:
/// kBadFile.
[[nodiscard]] bool write_npy(const std::string& path, std::span<const int64_t> shape,
                             std::span<const float> values, Diagnostics& diagnostics);

}  // namespace gmc::runtime
