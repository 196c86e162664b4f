// The types of stored numbers, and how they become floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gmc::runtime {

struct ValueType {
    const char* name;  ///< "u8", "f32"
    size_t bytes;      ///< of one value
    bool integer;
    /// Converts `count` values. Null for u8, which is kept as bytes.
    void (*convert)(const uint8_t* src, size_t count, float* dst);
};

/// The type of this code, the third byte of an idx file (big-endian values), or null.
const ValueType* find_idx_type(uint8_t code);
/// The type of NumPy's text such as "<f4" (little-endian values), or null.
const ValueType* find_npy_type(std::string_view text);

}  // namespace gmc::runtime
