// What bytes stand for. A table has the value of each byte; arithmetic is faster, so when the table
// is made it is tried out whether arithmetic gives all 256 values to the bit.
#include "runtime/data/files/byte_values.h"

namespace gmc::runtime {
namespace {

/// Whether `scale` gives the values of the table for all bytes. It is asked for all at once and one
/// by one, since vectors and the rest behind them might round differently.
bool gives(const ByteScale& scale, const std::array<float, 256>& table) {
    std::array<uint8_t, 256> bytes;
    std::array<float, 256> together, apart;
    for (size_t v = 0; v < bytes.size(); ++v) bytes[v] = static_cast<uint8_t>(v);
    scale_bytes(bytes.data(), bytes.size(), scale, together.data());
    for (size_t v = 0; v < bytes.size(); ++v) scale_bytes(&bytes[v], 1, scale, &apart[v]);
    return together == table && apart == table;
}

}  // namespace

ByteValues::ByteValues(std::optional<ValueRange> range) {
    ByteScale scale;
    if (range)
        scale = {static_cast<float>(double{range->high} - range->low), range->low * 255.0F, 255};
    for (size_t v = 0; v < table_.size(); ++v) {
        double value = static_cast<double>(v);
        // The sum of both ends' shares is exact at both ends, which low + v * scale is not.
        if (range) value = (range->low * (255.0 - value) + range->high * value) / 255.0;
        table_[v] = static_cast<float>(value);
    }
    if (gives(scale, table_)) scale_ = scale;
}

void ByteValues::convert(const uint8_t* bytes, size_t count, float* floats) const {
    if (scale_) return scale_bytes(bytes, count, *scale_, floats);
    for (size_t i = 0; i < count; ++i) floats[i] = table_[bytes[i]];
}

void WordValues::convert(const uint16_t* words, size_t count, float* floats) const {
    constexpr double kMost = 65535;
    const double low = range_.low, high = range_.high;
    for (size_t i = 0; i < count; ++i)
        floats[i] = static_cast<float>((low * (kMost - words[i]) + high * words[i]) / kMost);
}

}  // namespace gmc::runtime
