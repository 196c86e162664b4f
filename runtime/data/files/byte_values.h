// What bytes of pictures, and pairs of bytes, stand for as floats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/data/dataset.h"
#include "runtime/data/files/byte_scale.h"

namespace gmc::runtime {

/// Byte v is low + v (high - low) / 255 of a range, exact at both ends and rounded once; without
/// one it is v itself.
class ByteValues {
  public:
    explicit ByteValues(std::optional<ValueRange> range);

    /// floats[i] = the value of bytes[i], for each i below count.
    void convert(const uint8_t* bytes, size_t count, float* floats) const;

  private:
    std::array<float, 256> table_{};
    /// Arithmetic that gives the same values as the table, but faster; it exists for ranges between
    /// small whole numbers.
    std::optional<ByteScale> scale_;
};

/// The same of 16 bits: v is low + v (high - low) / 65535.
class WordValues {
  public:
    explicit WordValues(ValueRange range) : range_(range) {}

    void convert(const uint16_t* words, size_t count, float* floats) const;

  private:
    ValueRange range_;
};

}  // namespace gmc::runtime
