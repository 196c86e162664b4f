// The types of stored numbers, and how they become floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gmc::runtime {

enum class NumberKind : uint8_t { kBool, kUnsigned, kSigned, kFloat };

/// A type of stored numbers, and how it becomes float. The objects lie in tables and live as long
/// as the program, one per type and byte order.
struct ValueType {
    const char* name;  ///< "u8", "f32", "bool"
    NumberKind kind;
    size_t bytes;  ///< of one value
    /// Converts `count` values; integers beyond 2^24 and f64 are rounded.
    void (*convert)(const uint8_t* src, size_t count, float* dst);
    /// The same without rounding up to 2^53; null where f32 holds every value of the type.
    void (*widen)(const uint8_t* src, size_t count, double* dst);
    /// An integer that f32 rounds, with all of its digits; "" for one that f32 holds. Null like
    /// widen, and for floats.
    std::string (*rounded)(const uint8_t* src);

    bool is_integer() const { return kind != NumberKind::kFloat; }
    /// Is the stored byte the value, so that an array in memory can keep its bytes?
    bool is_byte() const {
        return bytes == 1 && (kind == NumberKind::kUnsigned || kind == NumberKind::kBool);
    }
    /// Are these 0 to 255, as of pictures, which `range:` scales? Other types are what they are.
    bool is_scaled() const { return bytes == 1 && kind == NumberKind::kUnsigned; }
};

/// The type of this code, the third byte of an idx file (big-endian values), or null.
const ValueType* find_idx_type(uint8_t code);
/// The type of NumPy's text such as "<f4" or ">i2": bool, integers of 1 to 8 bytes, floats of 2 to
/// 8, in either byte order. Null for what is no such number.
const ValueType* find_npy_type(std::string_view text);
/// The type that a safetensors file calls "F32", "BF16", "I64", ...: little-endian. Null for what
/// is no such number.
const ValueType* find_safetensors_type(std::string_view text);

}  // namespace gmc::runtime
