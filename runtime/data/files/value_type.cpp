// Conversion of big- and little-endian values to float.
#include "runtime/data/files/value_type.h"

#include <bit>

namespace gmc::runtime {
namespace {

// Assembled byte by byte: right on any machine, and fast enough for what is read once.
template <typename T, typename Bits, std::endian kOrder>
void convert_words(const uint8_t* src, size_t count, float* dst) {
    for (size_t i = 0; i < count; ++i, src += sizeof(Bits)) {
        uint64_t bits = 0;
        for (size_t k = 0; k < sizeof(Bits); ++k)
            bits = bits << 8 | src[kOrder == std::endian::big ? k : sizeof(Bits) - 1 - k];
        dst[i] = static_cast<float>(std::bit_cast<T>(static_cast<Bits>(bits)));
    }
}

constexpr auto kBig = std::endian::big;
constexpr auto kLittle = std::endian::little;

struct IdxRow {
    uint8_t code;
    ValueType type;
};
constexpr IdxRow kIdxTypes[] = {
    {0x08, {"u8", 1, true, nullptr}},
    {0x09, {"i8", 1, true, convert_words<int8_t, uint8_t, kBig>}},
    {0x0B, {"i16", 2, true, convert_words<int16_t, uint16_t, kBig>}},
    {0x0C, {"i32", 4, true, convert_words<int32_t, uint32_t, kBig>}},
    {0x0D, {"f32", 4, false, convert_words<float, uint32_t, kBig>}},
    {0x0E, {"f64", 8, false, convert_words<double, uint64_t, kBig>}},
};

struct NpyRow {
    std::string_view text;
    ValueType type;
};
constexpr NpyRow kNpyTypes[] = {
    {"|u1", {"u8", 1, true, nullptr}},
    {"|i1", {"i8", 1, true, convert_words<int8_t, uint8_t, kLittle>}},
    {"<i2", {"i16", 2, true, convert_words<int16_t, uint16_t, kLittle>}},
    {"<u2", {"u16", 2, true, convert_words<uint16_t, uint16_t, kLittle>}},
    {"<i4", {"i32", 4, true, convert_words<int32_t, uint32_t, kLittle>}},
    {"<u4", {"u32", 4, true, convert_words<uint32_t, uint32_t, kLittle>}},
    {"<i8", {"i64", 8, true, convert_words<int64_t, uint64_t, kLittle>}},
    {"<u8", {"u64", 8, true, convert_words<uint64_t, uint64_t, kLittle>}},
    {"<f4", {"f32", 4, false, convert_words<float, uint32_t, kLittle>}},
    {"<f8", {"f64", 8, false, convert_words<double, uint64_t, kLittle>}},
};

}  // namespace

const ValueType* find_idx_type(uint8_t code) {
    for (const IdxRow& row : kIdxTypes)
        if (row.code == code) return &row.type;
    return nullptr;
}

const ValueType* find_npy_type(std::string_view text) {
    for (const NpyRow& row : kNpyTypes)
        if (row.text == text) return &row.type;
    return nullptr;
}

}  // namespace gmc::runtime
