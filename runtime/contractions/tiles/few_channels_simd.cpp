// The inner loops of few_channels_backward_data: a matrix product in register tiles, and two ways
// to add up overlapping pieces. Compiled once per SIMD target; the one for this machine is chosen
// at run time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/tiles/few_channels_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires these after foreach_target.h.
#include <algorithm>

#include <hwy/highway.h>

#include "runtime/contractions/tiles/few_channels_simd.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kWidestVector>;
using V = hn::Vec<D>;

/// Computes rows `row` to `row + kRows` of the product, in kVectors vectors of columns from
/// `column` on. The sums stay in registers, and each element of `a` is broadcast to a vector once.
template <int kRows, int kVectors>
HWY_INLINE void product_tile(const PanelProduct& p, int64_t row, int64_t column) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    V sum[kRows][kVectors];
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
    const float* a = p.a + row * p.depth;
    const float* b = p.b + column;
    for (int64_t k = 0; k < p.depth; ++k, ++a, b += p.columns) {
        V right[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 32
        for (int r = 0; r < kRows; ++r) {
            const V left = hn::Set(d, a[r * p.depth]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
        }
    }
    float* out = p.out + row * p.columns + column;
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            hn::StoreU(sum[r][v], d, out + r * p.columns + v * lanes);
}

/// Computes all rows of kVectors vectors of columns. The last tile may overlap the one before; it
/// then writes the same numbers again.
template <int kRows, int kVectors>
void product_rows(const PanelProduct& p, int64_t column) {
    if (p.rows < kRows) {
        for (int64_t row = 0; row < p.rows; ++row) product_tile<1, kVectors>(p, row, column);
        return;
    }
    for (int64_t row = 0; row < p.rows; row += kRows)
        product_tile<kRows, kVectors>(p, std::min(row, p.rows - kRows), column);
}

/// Goes over the columns in stripes of three, two and one vectors; a stripe has as many rows per
/// tile as fill the registers.
void PanelProductTarget(const PanelProduct& p) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    int64_t vectors = p.columns / lanes, column = 0;
    // The sums fill the registers: 24 of 32 with AVX-512, 12 of 16 before it.
#if HWY_TARGET <= HWY_AVX3
    for (; vectors >= 3; vectors -= 3, column += 3 * lanes) product_rows<8, 3>(p, column);
    for (; vectors >= 2; vectors -= 2, column += 2 * lanes) product_rows<12, 2>(p, column);
    for (; vectors >= 1; vectors -= 1, column += lanes) product_rows<14, 1>(p, column);
#else
    for (; vectors >= 2; vectors -= 2, column += 2 * lanes) product_rows<6, 2>(p, column);
    for (; vectors >= 1; vectors -= 1, column += lanes) product_rows<12, 1>(p, column);
#endif
}

/// Folds kRows rows from `row` on, each in one register that holds the unfinished part of its row.
/// At each point the register is shifted down by `step` lanes, the point's piece is added, and the
/// whole register is stored; the lanes beyond `step` are not final, and the next store overwrites
/// them. Lanes from `width` on are zero, at least the last one, so that shifting moves in zeros.
template <int kRows>
HWY_INLINE void fold_in_registers(const FoldRow& f, int64_t row) {
    const D d;
    const hn::RebindToSigned<D> di;
    const auto lanes = static_cast<int32_t>(hn::Lanes(d));
    const auto moved = hn::Min(hn::Iota(di, static_cast<int32_t>(f.step)), hn::Set(di, lanes - 1));
    const auto down = hn::IndicesFromVec(d, moved);
    const auto piece = hn::FirstN(d, static_cast<size_t>(f.width));
    V open[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) open[r] = hn::Zero(d);
    const float* panel = f.panel + row * f.width;
    float* out = f.out + row * f.stride;
    for (int64_t point = 0; point < f.points; ++point, panel += f.columns, out += f.step)
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
            const V added = hn::IfThenElseZero(piece, hn::LoadU(d, panel + r * f.width));
            open[r] = hn::Add(hn::TableLookupLanes(open[r], down), added);
            hn::StoreU(open[r], d, out + r * f.stride);
        }
}

/// For pieces that fill a vector or more.
void fold_in_memory(const FoldRow& f) {
    for (int64_t row = 0; row < f.rows; ++row) {
        float* out = f.out + row * f.stride;
        std::fill_n(out, f.length, 0.0f);
        for (int64_t point = 0; point < f.points; ++point)
            for (int64_t j = 0; j < f.width; ++j)
                out[point * f.step + j] += f.panel[point * f.columns + row * f.width + j];
    }
}

/// Folds in registers where a piece is shorter than a vector; five rows at once, so that the
/// additions of one row need not wait for each other.
void FoldRowTarget(const FoldRow& f) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    if (f.width >= lanes || f.step > f.width) return fold_in_memory(f);
    int64_t row = 0;
    for (; row + 5 <= f.rows; row += 5) fold_in_registers<5>(f, row);
    for (; row + 3 <= f.rows; row += 3) fold_in_registers<3>(f, row);
    for (; row < f.rows; ++row) fold_in_registers<1>(f, row);
    const int64_t written = (f.points - 1) * f.step + lanes;
    for (row = 0; row < f.rows && written < f.length; ++row)
        std::fill(f.out + row * f.stride + written, f.out + row * f.stride + f.length, 0.0f);
}

/// Adds up the rows a vector of columns at a time.
void SumRowsTarget(const SumRows& s) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= s.length; i += lanes) {
        V sum = hn::Zero(d);
        for (int64_t k = 0; k < s.count; ++k)
            sum = hn::Add(sum, hn::LoadU(d, s.base + s.offsets[k] + i));
        hn::StoreU(sum, d, s.out + i);
    }
    for (; i < s.length; ++i) {
        float sum = 0;
        for (int64_t k = 0; k < s.count; ++k) sum += s.base[s.offsets[k] + i];
        s.out[i] = sum;
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(PanelProductTarget);
HWY_EXPORT(FoldRowTarget);
HWY_EXPORT(SumRowsTarget);

void run_panel_product(const PanelProduct& product) {
    HWY_DYNAMIC_DISPATCH(PanelProductTarget)(product);
}
void run_fold_row(const FoldRow& fold) { HWY_DYNAMIC_DISPATCH(FoldRowTarget)(fold); }
void run_sum_rows(const SumRows& sum) { HWY_DYNAMIC_DISPATCH(SumRowsTarget)(sum); }

}  // namespace gmc::runtime
#endif
