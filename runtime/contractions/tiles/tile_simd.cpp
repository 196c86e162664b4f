// Register tiles. A tile is a template over its number of rows and vectors, so that the compiler
// can keep all of its sums in registers; the functions at the end choose the template for a tile's
// size. Compiled once per SIMD target; the one for this machine is chosen at run time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/tiles/tile_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires this after foreach_target.h.
#include <hwy/highway.h>

#include <algorithm>

#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTileVector>;
using V = hn::Vec<D>;

/// How the last vector of a row is loaded and stored: all of its lanes.
struct AllLanes {
    V load(const float* from) const { return hn::LoadU(D(), from); }
    void store(V v, float* to) const { hn::StoreU(v, D(), to); }
};
#if HWY_TARGET <= HWY_AVX3
/// ... or its first lanes only. Exists where a masked load does not touch the other lanes.
struct FirstLanes {
    explicit FirstLanes(int64_t count) : mask(hn::FirstN(D(), static_cast<size_t>(count))) {}
    V load(const float* from) const { return hn::MaskedLoad(mask, D(), from); }
    void store(V v, float* to) const { hn::BlendedStore(v, mask, D(), to); }
    hn::Mask<D> mask;
};
#endif

/// Sets all sums of a tile to zero. The pragmas here and below unroll the loops, without which the
/// compiler would keep the array of sums in memory.
template <int kRows, int kVectors>
HWY_INLINE void clear(V (&sum)[kRows][kVectors]) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(D());
}

/// sum + a b, or with kPairs the sum of both products.
template <bool kPairs>
HWY_INLINE V add_product(V a, V b, V sum) {
    if constexpr (kPairs) return add_pair_products(D(), a, b, sum);
    return hn::MulAdd(a, b, sum);
}

/// sum[r] += left[r][at] * the row of vectors at `right`.
template <bool kPairs, int kRows, int kVectors, class Last>
HWY_INLINE void add_products(const float* const (&left)[kRows], int64_t at, const float* right,
                             const Last& last, V (&sum)[kRows][kVectors]) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    V row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
        const float* from = right + v * lanes;
        row[v] = v == kVectors - 1 ? last.load(from) : hn::LoadU(d, from);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
        const V factor = hn::Set(d, left[r][at]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            sum[r][v] = add_product<kPairs>(factor, row[v], sum[r][v]);
    }
}

/// Stores the sums of a tile, or adds them to what is there.
template <int kRows, int kVectors, class Last>
HWY_INLINE void write(const V (&sum)[kRows][kVectors], bool add, int64_t stride, const Last& last,
                      float* out) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            float* to = out + r * stride + v * lanes;
            if (v == kVectors - 1)
                last.store(add ? hn::Add(last.load(to), sum[r][v]) : sum[r][v], to);
            else
                hn::StoreU(add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
        }
}

/// Stores the sums rounded to bf16.
template <int kRows, int kVectors>
HWY_INLINE void write_bf16(const V (&sum)[kRows][kVectors], int64_t stride, uint16_t* out) {
    const D d;
    const hn::Rebind<uint16_t, D> d16;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            hn::StoreU(nearest_bf16(d, sum[r][v]), d16, out + r * stride + v * lanes);
}

/// Computes kVectors vectors of columns of a tile, from `column` on; `last` loads and stores the
/// last one.
template <bool kPairs, int kRows, int kVectors, class Last>
HWY_INLINE void columns_of(const GradientTile& t, int64_t column, const Last& last) {
    V sum[kRows][kVectors];
    clear(sum);
    const float* x[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) x[r] = t.x + t.x_offsets[r];
    const float* y = t.y + column;
    for (int64_t i = 0; i < t.point_count; ++i)
        add_products<kPairs>(x, t.points[i].x, y + t.points[i].y, last, sum);
    write(sum, t.add, t.out_stride, last, t.out + column);
}

#if HWY_TARGET <= HWY_AVX3
/// The first steps of a sum, which also fetch: the lines that the tile will be written to, and what
/// is read after it. A line or less per step: so it comes while the processor multiplies, and never
/// in bursts. Returns how many steps were done; each row of `ahead` has its share of those left.
/// With shorter vectors a tile takes so long that this gains nothing (measured on Emerald Rapids).
template <bool kPairs, int kRows, int kVectors, class Last>
HWY_INLINE int64_t fetching_steps(const PointTiles& t, int64_t column,
                                  const float* const (&from)[kRows], const float*& weights,
                                  const Last& last, V (&sum)[kRows][kVectors]) {
    constexpr int kRead = 0, kWrite = 1, kSecondLevel = 2, kFirstLevel = 3;
    if (t.depth < 2 * kRows * kVectors || t.to_bf16) return 0;
    int64_t k = 0;
    for (int r = 0; r < kRows; ++r) {
        const float* to = t.to + r * t.to_stride + column;
        for (int v = 0; v < kVectors; ++v, ++k, weights += t.weights_stride) {
            __builtin_prefetch(to + v * kTileVector, kWrite, kFirstLevel);
            add_products<kPairs>(from, k * t.from_step, weights, last, sum);
        }
    }
    const int64_t rows = column == 0 ? t.ahead.rows : 0, before = k;
    for (int64_t row = 0; row < rows; ++row) {
        const float* ahead = t.ahead.at + row * t.ahead.stride;
        const int64_t end = before + (t.depth - before) * (row + 1) / rows;
        const int64_t step = (t.ahead.floats + end - k) / std::max<int64_t>(end - k, 1);
        for (; k < end; ++k, weights += t.weights_stride, ahead += step) {
            __builtin_prefetch(ahead, kRead, kSecondLevel);
            add_products<kPairs>(from, k * t.from_step, weights, last, sum);
        }
    }
    return k;
}
#endif

template <bool kPairs, int kRows, int kVectors, class Last>
HWY_INLINE void columns_of(const PointTiles& t, int64_t column, const Last& last) {
    V sum[kRows][kVectors];
    clear(sum);
    for (int64_t i = 0; i < t.tap_count; ++i) {
        const float* from[kRows];
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) from[r] = t.from + r * t.from_stride + t.taps[i].from;
        const float* weights = t.weights + t.taps[i].tap * t.tap_stride + column;
        int64_t k = 0;
#if HWY_TARGET <= HWY_AVX3
        if (i == 0) k = fetching_steps<kPairs>(t, column, from, weights, last, sum);
#endif
        for (; k < t.depth; ++k, weights += t.weights_stride)
            add_products<kPairs>(from, k * t.from_step, weights, last, sum);
    }
    if (kPairs && t.to_bf16)
        write_bf16(sum, t.to_stride, reinterpret_cast<uint16_t*>(t.to) + column);
    else
        write(sum, t.add, t.to_stride, last, t.to + column);
}

/// Computes all columns of a tile, as many at once as the registers hold.
template <bool kPairs, int kRows, typename Tile>
void all_columns(const Tile& t) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    int64_t left = t.columns, column = 0;
    const auto take = [&]<int kVectors>(std::integral_constant<int, kVectors>) HWY_ATTR {
        for (; left >= kVectors * lanes; left -= kVectors * lanes, column += kVectors * lanes)
            columns_of<kPairs, kRows, kVectors>(t, column, AllLanes());
    };
#if HWY_TARGET <= HWY_AVX3
    take(std::integral_constant<int, 4>());
    take(std::integral_constant<int, 2>());
    // A whole vector and a part of one are computed together: more independent sums hide more
    // latency.
    if (!kPairs && left > lanes)
        return columns_of<kPairs, kRows, 2>(t, column, FirstLanes(left - lanes));
    take(std::integral_constant<int, 1>());
    if (!kPairs && left > 0) columns_of<kPairs, kRows, 1>(t, column, FirstLanes(left));
#else
    take(std::integral_constant<int, 2>());
    take(std::integral_constant<int, 1>());
#endif
}

/// Turns the number of rows into a template argument.
template <bool kPairs, typename Tile>
void all_rows(const Tile& t) {
    switch (t.rows) {
        case 1:
            return all_columns<kPairs, 1>(t);
        case 2:
            return all_columns<kPairs, 2>(t);
        case 3:
            return all_columns<kPairs, 3>(t);
        case 4:
            return all_columns<kPairs, 4>(t);
        case 5:
            return all_columns<kPairs, 5>(t);
        default:
            return all_columns<kPairs, kTileRows>(t);
    }
}

#if HWY_TARGET != HWY_SCALAR
/// The sum of the vector's blocks of four lanes.
template <class Tag>
HWY_INLINE hn::Vec<hn::CappedTag<float, 4>> sum_of_blocks(Tag, hn::Vec<Tag> v) {
    if constexpr (hn::MaxLanes(Tag()) > 4) {
        const hn::Half<Tag> half;
        return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    } else {
        return v;
    }
}
#endif

/// to[j] = the sum of the lanes of sum[j], for four sums.
HWY_INLINE void store_sums(const V (&sum)[4], float* to) {
#if HWY_TARGET == HWY_SCALAR
    for (int j = 0; j < 4; ++j) to[j] = hn::GetLane(sum[j]);
#else
    const D d;
    const hn::RepartitionToWide<D> wide;
    // In each block of four lanes: a0 + a2, b0 + b2, a1 + a3, b1 + b3.
    const auto both = [&](V a, V b) HWY_ATTR {
        return hn::BitCast(wide,
                           hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
    };
    const auto ab = both(sum[0], sum[1]), cd = both(sum[2], sum[3]);
    const V all = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, ab, cd)),
                          hn::BitCast(d, hn::InterleaveUpper(wide, ab, cd)));
    hn::StoreU(sum_of_blocks(d, all), hn::CappedTag<float, 4>(), to);
#endif
}

/// A tile of dot products: sums run along `depth` in the lanes of a vector, which are added up at
/// the end.
template <int kRows, int kColumns>
void run_dots(const DotTile& t) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    V sum[kRows][kColumns];
    clear(sum);
    const auto add = [&](int64_t k, const auto& lane) HWY_ATTR {
        V b[kColumns];
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; ++j) b[j] = lane.load(t.b + j * t.b_stride + k);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
            const V a = lane.load(t.a + r * t.a_stride + k);
#pragma GCC unroll 4
            for (int j = 0; j < kColumns; ++j) sum[r][j] = hn::MulAdd(a, b[j], sum[r][j]);
        }
    };
    int64_t k = 0;
    for (; k + lanes <= t.depth; k += lanes) add(k, AllLanes());
#if HWY_TARGET <= HWY_AVX3
    if (k < t.depth) add(k, FirstLanes(t.depth - k));
#endif
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
        float* to = t.to + r * t.to_stride;
        if constexpr (kColumns == kDotColumns)
            store_sums(sum[r], to);
        else
            to[0] = hn::GetLane(hn::SumOfLanes(d, sum[r][0]));
    }
}

/// A tile with fewer rows or columns is computed by smaller ones.
void DotTileTarget(const DotTile& t) {
    if (t.rows == kTileRows && t.columns == kDotColumns) return run_dots<kTileRows, kDotColumns>(t);
    DotTile part = t;
    for (int r = 0; r < t.rows;) {
        const int rows = t.rows - r >= 4 ? 4 : t.rows - r >= 2 ? 2 : 1;
        part.a = t.a + r * t.a_stride;
        for (int j = 0; j < t.columns;) {
            const bool all = j == 0 && t.columns == kDotColumns;
            part.b = t.b + j * t.b_stride;
            part.to = t.to + r * t.to_stride + j;
            if (rows == 4) all ? run_dots<4, kDotColumns>(part) : run_dots<4, 1>(part);
            if (rows == 2) all ? run_dots<2, kDotColumns>(part) : run_dots<2, 1>(part);
            if (rows == 1) all ? run_dots<1, kDotColumns>(part) : run_dots<1, 1>(part);
            j += all ? kDotColumns : 1;
        }
        r += rows;
    }
}

template <typename Tile>
void run_tile(const Tile& t) {
    if (t.pairs)
        all_rows<true>(t);
    else
        all_rows<false>(t);
}

void GradientTileTarget(const GradientTile& t) { run_tile(t); }
/// The last rows are two tiles of about the same size: one of one or two rows would take as long as
/// one of four, whose sums just hide the latency of additions.
void PointTilesTarget(const PointTiles& t) {
    PointTiles tile = t;
    int64_t fetched = 0;
    for (int64_t left = t.rows; left > 0; left -= tile.rows) {
        // Each tile fetches its share of the rows that come after all tiles.
        const int64_t fetches =
            std::min(t.ahead.rows, t.ahead.rows * (t.rows - left + kTileRows) / t.rows);
        tile.ahead.at = t.ahead.at + fetched * t.ahead.stride;
        tile.ahead.rows = fetches - fetched;
        fetched = fetches;
        const bool halves = t.from_group == 0 && left > kTileRows && left < kTileRows + 4;
        tile.rows = halves ? (left + 1) / 2 : std::min<int64_t>(kTileRows, left);
        run_tile(tile);
        tile.from += t.from_group != 0 ? t.from_group : tile.rows * t.from_stride;
        tile.to += tile.rows * t.to_stride / (t.to_bf16 ? 2 : 1);
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(GradientTileTarget);
HWY_EXPORT(PointTilesTarget);
HWY_EXPORT(DotTileTarget);

void run_gradient_tile(const GradientTile& tile) { HWY_DYNAMIC_DISPATCH(GradientTileTarget)(tile); }
void run_dot_tile(const DotTile& tile) { HWY_DYNAMIC_DISPATCH(DotTileTarget)(tile); }
void run_point_tiles(const PointTiles& tile) { HWY_DYNAMIC_DISPATCH(PointTilesTarget)(tile); }

}  // namespace gmc::runtime
#endif
