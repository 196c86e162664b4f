// The inner loops of vector_matmul, as templates over the element types of operands and result.
// Compiled once per SIMD target; the one for this machine is chosen at run time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/tiles/vector_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires these after foreach_target.h.
#include <algorithm>

#include <hwy/highway.h>

#include "runtime/contractions/tiles/vector_simd.h"
#include "runtime/kernels/bf16-inl.h"
#include "runtime/kernels/bf16.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using D16 = hn::Rebind<uint16_t, D>;
using V = hn::Vec<D>;

inline V load(const float* from) { return hn::LoadU(D(), from); }
inline V load(const uint16_t* from) { return load_bf16(D(), from); }
inline void store(V x, float* to) { hn::StoreU(x, D(), to); }
inline void store(V x, uint16_t* to) { hn::StoreU(nearest_bf16(D(), x), D16(), to); }

inline float number(float x) { return x; }
inline float number(uint16_t x) { return float_from_bf16(x); }
inline void put(float x, float* to) { *to = x; }
inline void put(float x, uint16_t* to) { *to = bf16_from_float(x); }

/// Computes kRows sums at once, each in two vectors, so that no addition waits for the one before.
template <int kRows, typename T, typename R>
HWY_INLINE void dot_tile(const T* matrix, const T* vector, R* out, int64_t depth) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    V even[kRows], odd[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(d);
    int64_t k = 0;
    for (; k + 2 * lanes <= depth; k += 2 * lanes) {
        const V first = load(vector + k), second = load(vector + k + lanes);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
            const T* row = matrix + r * depth + k;
            even[r] = hn::MulAdd(load(row), first, even[r]);
            odd[r] = hn::MulAdd(load(row + lanes), second, odd[r]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
        float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[r], odd[r])));
        for (int64_t i = k; i < depth; ++i)
            sum += number(matrix[r * depth + i]) * number(vector[i]);
        put(sum, out + r);
    }
}

template <typename T, typename R>
void dot_rows(const DotRows& p, const T* matrix, const T* vector, R* out) {
    constexpr int kRows = 4;
    int64_t row = 0;
    for (; row + kRows <= p.rows; row += kRows)
        dot_tile<kRows>(matrix + row * p.depth, vector, out + row, p.depth);
    for (; row < p.rows; ++row) dot_tile<1>(matrix + row * p.depth, vector, out + row, p.depth);
}

/// sums[j] += vector[r] matrix[r][j], for kRows rows.
template <int kRows, typename T>
HWY_INLINE void add_rows(const T* matrix, int64_t stride, const T* vector, float* sums,
                         int64_t length) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t j = 0;
    for (; j + lanes <= length; j += lanes) {
        V sum = hn::LoadU(d, sums + j);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r)
            sum = hn::MulAdd(hn::Set(d, number(vector[r])), load(matrix + r * stride + j), sum);
        hn::StoreU(sum, d, sums + j);
    }
    for (; j < length; ++j)
        for (int r = 0; r < kRows; ++r)
            sums[j] += number(vector[r]) * number(matrix[r * stride + j]);
}

/// A piece of the sums stays in the first-level cache while all rows pass, four at a time.
template <typename T, typename R>
void weighted_rows(const WeightedRows& p, const T* matrix, const T* vector, R* out) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    constexpr int64_t kPiece = 1024;
    constexpr int kRows = 4;
    float sums[kPiece];
    for (int64_t begin = 0; begin < p.columns; begin += kPiece) {
        const int64_t length = std::min(kPiece, p.columns - begin);
        std::fill(sums, sums + length, 0.0F);
        const T* piece = matrix + begin;
        int64_t k = 0;
        for (; k + kRows <= p.depth; k += kRows)
            add_rows<kRows>(piece + k * p.stride, p.stride, vector + k, sums, length);
        for (; k < p.depth; ++k)
            add_rows<1>(piece + k * p.stride, p.stride, vector + k, sums, length);
        int64_t j = 0;
        for (; j + lanes <= length; j += lanes) store(load(sums + j), out + begin + j);
        for (; j < length; ++j) put(sums[j], out + begin + j);
    }
}

template <typename T, typename R>
void outer_rows(const OuterRows& p, const T* left, const T* right, R* out) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t row = 0; row < p.rows; ++row, out += p.columns) {
        const float factor = number(left[row]);
        int64_t j = 0;
        for (; j + lanes <= p.columns; j += lanes)
            store(hn::Mul(hn::Set(d, factor), load(right + j)), out + j);
        for (; j < p.columns; ++j) put(factor * number(right[j]), out + j);
    }
}

/// Calls `loop` with addresses of the actual types: f32 of f32, f32 of bf16, or bf16 of bf16.
template <typename Loop>
void with_types(const Numbers& a, const Numbers& b, const Results& out, const Loop& loop) {
    auto* f32 = reinterpret_cast<float*>(out.data);
    if (a.type == ir::DType::kF32)
        return loop(reinterpret_cast<const float*>(a.data), reinterpret_cast<const float*>(b.data),
                    f32);
    const auto* left = reinterpret_cast<const uint16_t*>(a.data);
    const auto* right = reinterpret_cast<const uint16_t*>(b.data);
    if (out.type == ir::DType::kF32) return loop(left, right, f32);
    loop(left, right, reinterpret_cast<uint16_t*>(out.data));
}

void DotRowsTarget(const DotRows& p) {
    with_types(p.matrix, p.vector, p.out,
               [&](auto* matrix, auto* vector, auto* out) { dot_rows(p, matrix, vector, out); });
}
void WeightedRowsTarget(const WeightedRows& p) {
    with_types(p.matrix, p.vector, p.out, [&](auto* matrix, auto* vector, auto* out) {
        weighted_rows(p, matrix, vector, out);
    });
}
void OuterRowsTarget(const OuterRows& p) {
    with_types(p.left, p.right, p.out,
               [&](auto* left, auto* right, auto* out) { outer_rows(p, left, right, out); });
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(DotRowsTarget);
HWY_EXPORT(WeightedRowsTarget);
HWY_EXPORT(OuterRowsTarget);

void run_dot_rows(const DotRows& dot) { HWY_DYNAMIC_DISPATCH(DotRowsTarget)(dot); }
void run_weighted_rows(const WeightedRows& sum) { HWY_DYNAMIC_DISPATCH(WeightedRowsTarget)(sum); }
void run_outer_rows(const OuterRows& outer) { HWY_DYNAMIC_DISPATCH(OuterRowsTarget)(outer); }

}  // namespace gmc::runtime
#endif
