// Turns bytes into floats by arithmetic, where that gives the exact values (byte_values.h decides).
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmc::runtime {

/// The float of byte v is (factor v + term) / divisor.
struct ByteScale {
    float factor = 1, term = 0, divisor = 1;
};

/// floats[i] = the float of bytes[i], for each i below count.
void scale_bytes(const uint8_t* bytes, size_t count, const ByteScale& scale, float* floats);

}  // namespace gmc::runtime
