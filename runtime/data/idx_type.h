// The value types of idx files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmc::runtime {

struct IdxType {
    uint8_t code;  ///< third byte of the file
    const char* name;
    size_t bytes;  ///< of one value
    bool integer;
    /// Converts `count` big-endian values.
    void (*convert)(const uint8_t* src, size_t count, float* dst);
};

/// The code of u8, which is kept as bytes and never converted.
constexpr uint8_t kIdxBytes = 0x08;

/// The type of this code, or null.
const IdxType* find_idx_type(uint8_t code);

}  // namespace gmc::runtime
