// NumPy's .npz: a zip archive with an .npy file, not compressed, for each array.
// Format: PKWARE's APPNOTE.TXT 6.3.3, sections 4.3.7, 4.3.12, 4.3.16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

/// An array, row-major, that somebody else owns.
struct NamedArray {
    std::string name;
    std::vector<int64_t> shape;
    std::string_view type;  ///< as NumPy calls it: "<f4", "<i8"
    std::span<const std::byte> bytes;
};

/// Writes the arrays to `path`, atomically. Errors: kBadFile (the disk), kTooLarge (4 GB or more,
/// which the plain format of zip cannot say).
[[nodiscard]] bool write_npz(const std::string& path, std::span<const NamedArray> arrays,
                             Diagnostics& diagnostics);

}  // namespace gmc::runtime
