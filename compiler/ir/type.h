// Tensor types: an element type and dimensions. All tensors are dense and row-major; activations
// end in channels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gmc::ir {

enum class DType : uint8_t { kF32, kBf16 };

const char* dtype_name(DType dtype);
/// Bytes of one element.
int64_t dtype_size(DType dtype);

/// Every tensor in memory begins at a multiple of so many bytes: a cache line, and a register of
/// AVX-512.
inline constexpr int64_t kTensorAlignment = 64;

/// No machine has more memory, 64 TiB: what needs more is refused before its size is calculated
/// with.
inline constexpr int64_t kLargestMemory = int64_t{1} << 46;

using Shape = std::vector<int64_t>;

struct Type {
    DType dtype = DType::kF32;
    Shape shape;

    int64_t rank() const { return static_cast<int64_t>(shape.size()); }
    /// Number of elements; 1 for a scalar, f32[].
    int64_t elements() const;
    int64_t bytes() const { return elements() * dtype_size(dtype); }
    bool is_scalar() const { return shape.empty(); }
    friend bool operator==(const Type&, const Type&) = default;
};

inline Type f32(Shape shape) { return {DType::kF32, std::move(shape)}; }

/// "f32[128,28,28,1]"
std::string to_string(const Type& type);
/// "[128,28,28,1]"
std::string to_string(const Shape& shape);

}  // namespace gmc::ir
