// Conversion of big-endian values to float.
#include "runtime/data/idx_type.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace gmc::runtime {
namespace {

// Assembled byte by byte: right on any machine, and fast enough for what is read once.
template <typename T, typename Bits>
void convert_words(const uint8_t* src, size_t count, float* dst) {
    for (size_t i = 0; i < count; ++i) {
        Bits bits = 0;
        for (size_t k = 0; k < sizeof(Bits); ++k)
            bits = static_cast<Bits>(bits << 8 | src[i * sizeof(Bits) + k]);
        dst[i] = static_cast<float>(std::bit_cast<T>(bits));
    }
}

template <typename T>
void convert_bytes(const uint8_t* src, size_t count, float* dst) {
    for (size_t i = 0; i < count; ++i) dst[i] = static_cast<float>(std::bit_cast<T>(src[i]));
}

constexpr IdxType kTypes[] = {
    {kIdxBytes, "u8", 1, true, convert_bytes<uint8_t>},
    {0x09, "i8", 1, true, convert_bytes<int8_t>},
    {0x0B, "i16", 2, true, convert_words<int16_t, uint16_t>},
    {0x0C, "i32", 4, true, convert_words<int32_t, uint32_t>},
    {0x0D, "f32", 4, false, convert_words<float, uint32_t>},
    {0x0E, "f64", 8, false, convert_words<double, uint64_t>},
};

}  // namespace

const IdxType* find_idx_type(uint8_t code) {
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const IdxType& t) { return t.code == code; });
    return type == std::end(kTypes) ? nullptr : type;
}

}  // namespace gmc::runtime
