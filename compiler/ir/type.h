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

/// Every tensor in memory begins at a multiple of this many bytes, which is a cache line and a
/// register of AVX-512. So a vector load at the beginning of a tensor never crosses a cache line,
/// and two tensors never share one.
inline constexpr int64_t kTensorAlignment = 64;

/// 64 TiB, more than the machines that gmc is made for have: what needs more is refused before
/// anything is calculated with its size. The bound is far below 2^63, so that sums and products of
/// byte counts cannot overflow.
inline constexpr int64_t kLargestMemory = int64_t{1} << 46;

/// The most elements of a tensor, so that its byte count, and sums of such, fit in 64 bits. Shape
/// rules rely on it.
inline constexpr int64_t kMostElements = int64_t{1} << 40;

using Shape = std::vector<int64_t>;

/// What is known of a tensor at compile time. Every size is a positive number: batches are fixed
/// when a model is compiled, so that memory can be planned.
struct Type {
    DType dtype = DType::kF32;
    Shape shape;  ///< sizes of the axes, outermost first; {} for a scalar

    int64_t rank() const { return static_cast<int64_t>(shape.size()); }
    /// Number of elements; 1 for a scalar, f32[].
    int64_t elements() const;
    int64_t bytes() const { return elements() * dtype_size(dtype); }
    bool is_scalar() const { return shape.empty(); }
    friend bool operator==(const Type&, const Type&) = default;
};

/// Whether `part` is a power of two that divides `whole`: so many shards can a process have.
constexpr bool is_share(int64_t part, int64_t whole) {
    return part >= 1 && (part & (part - 1)) == 0 && whole >= 1 && whole % part == 0;
}

inline Type f32(Shape shape) { return {DType::kF32, std::move(shape)}; }

/// "f32[128,28,28,1]"
std::string to_string(const Type& type);
/// "[128,28,28,1]"
std::string to_string(const Shape& shape);

}  // namespace gmc::ir
