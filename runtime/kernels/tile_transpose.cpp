// Squares of 4 x 4 in registers, what is left one by one.
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

#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void transpose_square(const float* from, int64_t from_stride, float* to,
                                 int64_t to_stride) {
    const hn::FixedTag<float, 4> d;
    const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
    const auto c = hn::LoadU(d, from + 2 * from_stride), e = hn::LoadU(d, from + 3 * from_stride);
    const auto ab_low = hn::InterleaveLower(d, a, b), ce_low = hn::InterleaveLower(d, c, e);
    const auto ab_high = hn::InterleaveUpper(d, a, b), ce_high = hn::InterleaveUpper(d, c, e);
    hn::StoreU(hn::ConcatLowerLower(d, ce_low, ab_low), d, to);
    hn::StoreU(hn::ConcatUpperUpper(d, ce_low, ab_low), d, to + to_stride);
    hn::StoreU(hn::ConcatLowerLower(d, ce_high, ab_high), d, to + 2 * to_stride);
    hn::StoreU(hn::ConcatUpperUpper(d, ce_high, ab_high), d, to + 3 * to_stride);
}
#endif

void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride,
                     int64_t rows, int64_t columns) {
    int64_t whole_rows = 0, whole_columns = 0;
#if HWY_TARGET != HWY_SCALAR
    whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
    for (int64_t j = 0; j < whole_columns; j += 4)
        for (int64_t i = 0; i < whole_rows; i += 4)
            transpose_square(from + i + j * from_stride, from_stride, to + i * to_stride + j,
                             to_stride);
#endif
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
            to[i * to_stride + j] = from[i + j * from_stride];
}

TransposeFunction find_transpose_function() { return &transpose_block; }

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_transpose_function);

TransposeFunction transpose_function() { return HWY_DYNAMIC_DISPATCH(find_transpose_function)(); }

}  // namespace gmc::runtime
#endif  // HWY_ONCE
