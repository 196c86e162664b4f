// Transposes a small matrix: squares of 4 x 4 f32 or 8 x 8 bf16 in registers of 128 bits, which
// every target has; elements outside of whole squares are moved one by one.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/tile_transpose.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <hwy/highway.h>

#include "runtime/kernels/tile_transpose.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The side of a square: elements in one of its registers.
template <typename T>
constexpr int64_t kSide = 16 / sizeof(T);

#if HWY_TARGET != HWY_SCALAR
// Each round interleaves row k with row k + half the number of rows. Write the position of an
// element as the binary digits of its row, followed by those of its column: a round rotates them by
// one digit. After as many rounds as a row number has digits, row and column have changed places.

HWY_INLINE void transpose_square(const float* from, int64_t from_stride, float* to,
                                 int64_t to_stride) {
    const hn::FixedTag<float, 4> d;
    const auto load = [&](int64_t k) { return hn::LoadU(d, from + k * from_stride); };
    const auto a0 = load(0), a1 = load(1), a2 = load(2), a3 = load(3);
    const auto b0 = hn::InterleaveLower(d, a0, a2), b1 = hn::InterleaveUpper(d, a0, a2);
    const auto b2 = hn::InterleaveLower(d, a1, a3), b3 = hn::InterleaveUpper(d, a1, a3);
    hn::StoreU(hn::InterleaveLower(d, b0, b2), d, to);
    hn::StoreU(hn::InterleaveUpper(d, b0, b2), d, to + to_stride);
    hn::StoreU(hn::InterleaveLower(d, b1, b3), d, to + 2 * to_stride);
    hn::StoreU(hn::InterleaveUpper(d, b1, b3), d, to + 3 * to_stride);
}

HWY_INLINE void transpose_square(const uint16_t* from, int64_t from_stride, uint16_t* to,
                                 int64_t to_stride) {
    const hn::FixedTag<uint16_t, 8> d;
    const auto load = [&](int64_t k) { return hn::LoadU(d, from + k * from_stride); };
    const auto a0 = load(0), a1 = load(1), a2 = load(2), a3 = load(3);
    const auto a4 = load(4), a5 = load(5), a6 = load(6), a7 = load(7);
    const auto b0 = hn::InterleaveLower(d, a0, a4), b1 = hn::InterleaveUpper(d, a0, a4);
    const auto b2 = hn::InterleaveLower(d, a1, a5), b3 = hn::InterleaveUpper(d, a1, a5);
    const auto b4 = hn::InterleaveLower(d, a2, a6), b5 = hn::InterleaveUpper(d, a2, a6);
    const auto b6 = hn::InterleaveLower(d, a3, a7), b7 = hn::InterleaveUpper(d, a3, a7);
    const auto c0 = hn::InterleaveLower(d, b0, b4), c1 = hn::InterleaveUpper(d, b0, b4);
    const auto c2 = hn::InterleaveLower(d, b1, b5), c3 = hn::InterleaveUpper(d, b1, b5);
    const auto c4 = hn::InterleaveLower(d, b2, b6), c5 = hn::InterleaveUpper(d, b2, b6);
    const auto c6 = hn::InterleaveLower(d, b3, b7), c7 = hn::InterleaveUpper(d, b3, b7);
    const auto store = [&](int64_t k, auto low, auto high) {
        hn::StoreU(hn::InterleaveLower(d, low, high), d, to + k * to_stride);
        hn::StoreU(hn::InterleaveUpper(d, low, high), d, to + (k + 1) * to_stride);
    };
    store(0, c0, c4);
    store(2, c1, c5);
    store(4, c2, c6);
    store(6, c3, c7);
}
#endif

template <typename T>
void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows,
                     int64_t columns) {
    int64_t whole_rows = 0, whole_columns = 0;
#if HWY_TARGET != HWY_SCALAR
    whole_rows = rows / kSide<T> * kSide<T>, whole_columns = columns / kSide<T> * kSide<T>;
    for (int64_t j = 0; j < whole_columns; j += kSide<T>)
        for (int64_t i = 0; i < whole_rows; i += kSide<T>)
            transpose_square(from + i + j * from_stride, from_stride, to + i * to_stride + j,
                             to_stride);
#endif
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
            to[i * to_stride + j] = from[i + j * from_stride];
}

TransposeFunction<uint16_t> find_transpose_16() { return &transpose_block<uint16_t>; }
TransposeFunction<float> find_transpose_32() { return &transpose_block<float>; }

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_transpose_16);
HWY_EXPORT(find_transpose_32);

template <>
TransposeFunction<uint16_t> transpose_function() {
    return HWY_DYNAMIC_DISPATCH(find_transpose_16)();
}
template <>
TransposeFunction<float> transpose_function() {
    return HWY_DYNAMIC_DISPATCH(find_transpose_32)();
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE
