// Converts stored numbers to floats: a table of types, each with a function for either byte order,
// and three lists of names by which file formats refer to the table.
#include "runtime/files/value_type.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace gmc::runtime {
namespace {

/// IEEE 754 binary16, by its bits.
struct Half {
    uint16_t bits;

    explicit operator float() const {
        const uint32_t sign = uint32_t{bits & 0x8000U} << 16;
        const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 0x3ff;
        if (exponent == 0)  // zero and subnormal numbers: multiples of 2^-24
            return std::copysign(std::ldexp(static_cast<float>(mantissa), -24),
                                 std::bit_cast<float>(sign | 0x3f800000U));
        // Biases of 15 and 127; infinity and NaN have the largest exponent in both formats.
        const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
        return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
    }
};

/// The upper half of a binary32.
struct Brain {
    uint16_t bits;

    explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

uint8_t swap_bytes(uint8_t bits) { return bits; }
uint16_t swap_bytes(uint16_t bits) { return __builtin_bswap16(bits); }
uint32_t swap_bytes(uint32_t bits) { return __builtin_bswap32(bits); }
uint64_t swap_bytes(uint64_t bits) { return __builtin_bswap64(bits); }

/// Reads each value as bits of its size, turns the bytes where the order differs, and converts.
template <typename T, typename Bits, std::endian kOrder, typename To>
void convert_words(const uint8_t* src, size_t count, To* dst) {
    for (size_t i = 0; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, src + i * sizeof bits, sizeof bits);
        if (kOrder != std::endian::native) bits = swap_bytes(bits);
        dst[i] = static_cast<To>(std::bit_cast<T>(bits));
    }
}

/// The float behind the largest T, which the largest ones become, cannot be converted back.
template <typename T, typename Bits, std::endian kOrder>
std::string rounded_integer(const uint8_t* src) {
    Bits bits;
    std::memcpy(&bits, src, sizeof bits);
    if (kOrder != std::endian::native) bits = swap_bytes(bits);
    const T value = std::bit_cast<T>(bits);
    const auto held = static_cast<float>(value);
    const bool beyond = held >= std::ldexp(1.0F, std::numeric_limits<T>::digits);
    return !beyond && static_cast<T>(held) == value ? "" : std::to_string(value);
}

/// A type of NumPy in both byte orders.
struct Row {
    std::string_view code;  ///< NumPy's, without the byte order
    ValueType little, big;
};

template <typename T, typename Bits, std::endian kOrder>
constexpr ValueType type(const char* name, NumberKind kind) {
    ValueType type{name,    kind,   sizeof(Bits), convert_words<T, Bits, kOrder, float>,
                   nullptr, nullptr};
    if constexpr (std::numeric_limits<T>::digits > std::numeric_limits<float>::digits) {
        type.widen = convert_words<T, Bits, kOrder, double>;
        if constexpr (std::numeric_limits<T>::is_integer)
            type.rounded = rounded_integer<T, Bits, kOrder>;
    }
    return type;
}

template <typename T, typename Bits>
constexpr Row row(std::string_view code, const char* name, NumberKind kind) {
    return {code, type<T, Bits, std::endian::little>(name, kind),
            type<T, Bits, std::endian::big>(name, kind)};
}

constexpr Row kRows[] = {
    row<uint8_t, uint8_t>("b1", "bool", NumberKind::kBool),
    row<uint8_t, uint8_t>("u1", "u8", NumberKind::kUnsigned),
    row<uint16_t, uint16_t>("u2", "u16", NumberKind::kUnsigned),
    row<uint32_t, uint32_t>("u4", "u32", NumberKind::kUnsigned),
    row<uint64_t, uint64_t>("u8", "u64", NumberKind::kUnsigned),
    row<int8_t, uint8_t>("i1", "i8", NumberKind::kSigned),
    row<int16_t, uint16_t>("i2", "i16", NumberKind::kSigned),
    row<int32_t, uint32_t>("i4", "i32", NumberKind::kSigned),
    row<int64_t, uint64_t>("i8", "i64", NumberKind::kSigned),
    row<Half, uint16_t>("f2", "f16", NumberKind::kFloat),
    row<Brain, uint16_t>("bf16", "bf16", NumberKind::kFloat),  // NumPy has no such type
    row<float, uint32_t>("f4", "f32", NumberKind::kFloat),
    row<double, uint64_t>("f8", "f64", NumberKind::kFloat),
};

const Row* find_row(std::string_view code) {
    for (const Row& one : kRows)
        if (one.code == code) return &one;
    return nullptr;
}

/// A type of idx files, and its name in the table above.
struct IdxCode {
    uint8_t code;
    std::string_view numpy;
};
constexpr IdxCode kIdxCodes[] = {{0x08, "u1"}, {0x09, "i1"}, {0x0B, "i2"},
                                 {0x0C, "i4"}, {0x0D, "f4"}, {0x0E, "f8"}};

/// A type of safetensors files, and its name in the table above.
struct SafetensorsName {
    std::string_view name, code;
};
constexpr SafetensorsName kSafetensorsNames[] = {
    {"BOOL", "b1"}, {"U8", "u1"},  {"U16", "u2"},   {"U32", "u4"}, {"U64", "u8"},
    {"I8", "i1"},   {"I16", "i2"}, {"I32", "i4"},   {"I64", "i8"}, {"F16", "f2"},
    {"F32", "f4"},  {"F64", "f8"}, {"BF16", "bf16"}};

}  // namespace

const ValueType* find_idx_type(uint8_t code) {
    for (const IdxCode& one : kIdxCodes)
        if (one.code == code) return &find_row(one.numpy)->big;
    return nullptr;
}

const ValueType* find_safetensors_type(std::string_view text) {
    for (const SafetensorsName& one : kSafetensorsNames)
        if (one.name == text) return &find_row(one.code)->little;
    return nullptr;
}

const ValueType* find_npy_type(std::string_view text) {
    if (text.empty()) return nullptr;
    const Row* found = find_row(text.substr(1));
    if (found == nullptr || found->code.size() != 2) return nullptr;
    if (text[0] == '>') return &found->big;
    // NumPy writes `|` where the order of bytes means nothing.
    const bool little = text[0] == '<' || (text[0] == '|' && found->little.bytes == 1);
    return little ? &found->little : nullptr;
}

}  // namespace gmc::runtime
