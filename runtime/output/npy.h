// NumPy's .npy files of float32 arrays: samples and latent codes leave gmc this way, and come back
// for parity tests.
//   93 'N' 'U' 'M' 'P' 'Y' major minor | u16 length | a Python dict, padded to 64 | values
// Format: NumPy enhancement proposal 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

struct NpyArray {
    std::vector<int64_t> shape;  ///< {} is a scalar: one value
    std::vector<float> values;   ///< row-major, as many as the product of the shape
};

/// The first bytes of a .npy file (version 1.0, little-endian float32, row-major) of this shape;
/// the values follow.
std::string npy_header(std::span<const int64_t> shape);

/// Writes a .npy file atomically; `values` has as many floats as the product of `shape`. Errors:
/// kBadFile.
[[nodiscard]] bool write_npy(const std::string& path, std::span<const int64_t> shape,
                             std::span<const float> values, Diagnostics& diagnostics);

/// Reads the bytes of a .npy file called `name`: version 1.0 or 2.0, '<f4', row-major, any rank up
/// to 16.
/// Errors name the file and the offset: kBadFile (not npy, a broken header, another type or order,
/// too short, too long). Never allocates more than `bytes` holds.
Result<NpyArray> parse_npy(std::string_view bytes, const std::string& name,
                           Diagnostics& diagnostics);
/// The same of a file of at most 16 GiB.
Result<NpyArray> read_npy(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime
