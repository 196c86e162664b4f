// What bytes of pictures stand for as floats.
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

}  // namespace gmc::runtime
