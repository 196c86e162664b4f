// The inner loops of Winograd's convolutions. Compiled once per SIMD target; the one for this
// machine is chosen at run time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/winograd/winograd_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires these after foreach_target.h.
#include <algorithm>
#include <utility>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "runtime/contractions/winograd/winograd_simd.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kWinogradVector>;
using V = hn::Vec<D>;

template <int kNumber>
inline constexpr SmallMatrix kMatrix = make_small_matrix(kNumber);

/// Adds a column to the sum of a row. Factors are known to the compiler: zeros cost nothing, ones
/// no multiplication.
template <int kNumber, int kRow, int kColumn, int kVectors, int kColumns>
HWY_INLINE void add_column(const V (&column)[kColumns][kVectors], V (&sum)[kVectors], bool& any) {
    constexpr float kFactor = kMatrix<kNumber>.at[kRow][kColumn];
    if constexpr (kFactor == 0) return;
    const D d;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
        const V at = column[kColumn][v];
        if (!any)
            sum[v] = kFactor == 1 ? at : hn::Mul(hn::Set(d, kFactor), at);
        else if (kFactor == 1)
            sum[v] = hn::Add(sum[v], at);
        else if (kFactor == -1)
            sum[v] = hn::Sub(sum[v], at);
        else
            sum[v] = hn::MulAdd(hn::Set(d, kFactor), at, sum[v]);
    }
    any = true;
}

/// The product of a row with all columns.
template <int kNumber, int kRow, int kVectors, int kColumns, int... kColumn>
HWY_INLINE void multiply_row(const V (&column)[kColumns][kVectors], float* to,
                             std::integer_sequence<int, kColumn...>) {
    V sum[kVectors];
    bool any = false;
    (add_column<kNumber, kRow, kColumn>(column, sum, any), ...);
    const D d;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
        hn::StoreU(sum[v], d, to + v * static_cast<int64_t>(hn::Lanes(d)));
}

template <int kNumber, int kVectors, int kColumns, class To, int... kRow>
HWY_INLINE void multiply_rows(const V (&column)[kColumns][kVectors], const To& to,
                              std::integer_sequence<int, kRow...>) {
    const auto one = [&]<int kOne>(std::integral_constant<int, kOne>) HWY_ATTR {
        if (float* out = to(kOne))
            multiply_row<kNumber, kOne>(column, out, std::make_integer_sequence<int, kColumns>());
    };
    (one(std::integral_constant<int, kRow>()), ...);
}

/// Multiplies a small matrix and kVectors vectors per column: from(column) is where those of a
/// column are, and to(row) where those of a row go, or null. The columns are loaded once and stay
/// in registers.
template <int kNumber, int kVectors, class From, class To>
HWY_INLINE void multiply(const From& from, const To& to) {
    constexpr int kColumns = kMatrix<kNumber>.columns;
    const D d;
    V column[kColumns][kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) {
        const float* at = from(j);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            column[j][v] = hn::LoadU(d, at + v * static_cast<int64_t>(hn::Lanes(d)));
    }
    multiply_rows<kNumber>(column, to, std::make_integer_sequence<int, kMatrix<kNumber>.rows>());
}

/// What is between the transforms of the two axes, for kVectors vectors of channels: the points of
/// an axis and their vectors.
template <int kVectors>
using Between = float[kMostPoints][kVectors * static_cast<int64_t>(hn::MaxLanes(D()))];

/// Transforms `count` rows of a patch.
template <int kNumber, int kVectors>
void multiply_patch(const float* const* from, int64_t channel, int count,
                    Between<kVectors>* between) {
    if constexpr (kMatrix<kNumber>.columns > 0)
        for (; count > 0; --count, ++between, from += kMatrix<kNumber>.columns)
            multiply<kNumber, kVectors>([&](int l) HWY_ATTR { return from[l] + channel; },
                                        [&](int j) HWY_ATTR { return (*between)[j]; });
}

/// Transforms `count` columns of what the rows gave.
template <int kNumber, int kVectors>
void multiply_between(const Between<kVectors>* between, int count, float* const* to,
                      int64_t channel) {
    if constexpr (kMatrix<kNumber>.columns > 0)
        for (int j = 0; j < count; ++j, ++to)
            multiply<kNumber, kVectors>([&](int k) HWY_ATTR { return between[k][j]; },
                                        [&](int i) HWY_ATTR {
                                            float* out = to[i * count];
                                            return out == nullptr ? out : out + channel;
                                        });
}

/// The code for each small matrix, by its number.
template <int kVectors>
struct Multiplications {
    decltype(&multiply_patch<0, kVectors>) patch[kSmallMatrices];
    decltype(&multiply_between<0, kVectors>) between[kSmallMatrices];
};

template <int kVectors, int... kNumber>
constexpr Multiplications<kVectors> all_multiplications(std::integer_sequence<int, kNumber...>) {
    return {{multiply_patch<kNumber, kVectors>...}, {multiply_between<kNumber, kVectors>...}};
}

/// Fetches what will be read next: the channels that follow, or the first ones of the next patch.
/// Patches lie in many places, more than the processor watches by itself.
HWY_INLINE void fetch_ahead(const PatchTransform& t, int64_t channel, int64_t floats) {
    const bool more = channel < t.count;
    const float* const* pointers = more ? t.from : t.next;
    if (pointers == nullptr) return;
    constexpr int64_t kLine = 16;
    const int count = t.rows->columns * t.columns->columns;
    for (int i = 0; i < count; ++i)
        for (int64_t j = 0; j < floats; j += kLine)
            hwy::Prefetch(pointers[i] + (more ? channel : 0) + j);
}

/// Transforms kVectors vectors of channels, from `channel` on: all rows of the patch by `columns`,
/// then all columns of that by `rows`.
template <int kVectors>
void transform_vectors(const PatchTransform& t, int64_t channel) {
    constexpr int64_t kFloats = kVectors * static_cast<int64_t>(hn::MaxLanes(D()));
    static constexpr Multiplications<kVectors> kCode =
        all_multiplications<kVectors>(std::make_integer_sequence<int, kSmallMatrices>());
    alignas(64) Between<kVectors> between[kMostPoints];
    fetch_ahead(t, channel + kFloats, kFloats);
    kCode.patch[t.columns->number](t.from, channel, t.rows->columns, between);
    kCode.between[t.rows->number](between, t.columns->rows, t.to, channel);
}

/// As many vectors at once as leave registers for six columns.
void PatchTransformTarget(const PatchTransform& t) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    int64_t c = 0;
#if HWY_TARGET <= HWY_AVX3
    for (; c + 4 * lanes <= t.count; c += 4 * lanes) transform_vectors<4>(t, c);
#endif
    for (; c + 2 * lanes <= t.count; c += 2 * lanes) transform_vectors<2>(t, c);
        // A whole number of pairs with shorter vectors, see kWinogradVector.
#if HWY_TARGET <= HWY_AVX3
    for (; c < t.count; c += lanes) transform_vectors<1>(t, c);
#endif
}

#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kPanelVectors = 4;
#else
constexpr int64_t kPanelVectors = 2;
#endif

int64_t PanelColumnsTarget() { return kPanelVectors * static_cast<int64_t>(hn::Lanes(D())); }

/// Fetches what later tiles read, a cache line or less per step of the sums: so it comes while the
/// processor multiplies, and never in bursts. Weights and gradients of all points lie in the
/// third-level cache, which is slow on processors with many cores.
struct Ahead {
    const float* at;
    int64_t step;
    void fetch() {
        hwy::Prefetch(at);
        at += step;
    }
    /// Into the second-level cache: for what is larger than the first.
    void fetch_second() {
        constexpr int kRead = 0, kSecondLevel = 2;
        __builtin_prefetch(at, kRead, kSecondLevel);
        at += step;
    }
};

/// What a term of the sum behind `s` reads first, or where there is none, of `s` itself.
HWY_INLINE const float* first_of(const PanelSum& s, const float* const* PanelSum::*operand,
                                 int64_t term) {
    const PanelSum& next = s.next != nullptr && term < s.next->terms ? *s.next : s;
    return (next.*operand)[term];
}

/// Does steps of a tile's sums, at most `most`, and fetches a line with each: of what will be
/// written, `share` pointers from number `first` on. Returns how many steps it did.
template <class Step>
HWY_INLINE int64_t fetch_written(const PanelSum& s, int64_t first, int64_t share, int64_t most,
                                 const Step& step) {
    const int64_t last = std::min(first + share, s.written_count);
    int64_t k = 0;
    for (int64_t i = first; i < last; ++i) {
        if (s.written[i] == nullptr) continue;
        for (int64_t c = 0; c < s.columns && k < most; c += kWinogradVector, ++k) {
            constexpr int kWrite = 1, kSecondLevel = 2;
            __builtin_prefetch(s.written[i] + c, kWrite, kSecondLevel);
            step();
        }
    }
    return k;
}

/// How the tiles of a panel share what they fetch.
struct Shares {
    int64_t panel_step;  ///< of the next panel of b, floats for each step
    /// Of what will be written, the first pointer of the panel's first tile, and how many pointers
    /// each tile fetches.
    int64_t written, written_share;
};

/// Computes kRows rows from `row` on, of the kVectors vectors of columns that are one panel. The
/// tile is number `tile` of its panel. Sums stay in registers.
template <int kRows, int kVectors>
HWY_INLINE void sum_tile(const PanelSum& s, int64_t row, int64_t tile, const Shares& shares,
                         int64_t column) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    constexpr int64_t kPanel = kVectors * static_cast<int64_t>(hn::MaxLanes(d));
    const bool last_tile = row + kRows >= s.rows, last_panel = column + kPanel >= s.columns;
    float* out = s.out + row * s.columns + column;
    V sum[kRows][kVectors];
    const auto clear = [&]() HWY_ATTR {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
    };
    // Stores the sum of a piece, or adds it to what is there, and begins the next one.
    const auto finish_piece = [&](bool add) HWY_ATTR {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                float* to = out + r * s.columns + v * lanes;
                hn::StoreU(add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
            }
        clear();
    };
    clear();
    bool add = s.add;
    int64_t room = kSumPiece;  // how many products the piece can still take
    for (int64_t i = 0; i < s.terms; ++i) {
        const float* a = s.a[i] + row * s.depth;
        const float* b = s.b[i] + column * s.depth;
        // The next rows of a, all of them, and of the next panel of b this tile's share.
        Ahead rows{!last_tile   ? a + kRows * s.depth
                   : last_panel ? first_of(s, &PanelSum::a, i)
                                : s.a[i],
                   kRows};
        Ahead panel{last_panel ? first_of(s, &PanelSum::b, i) : b + kPanel * s.depth,
                    shares.panel_step};
        panel.at += tile * panel.step * s.depth;
        const auto step = [&]() HWY_ATTR {
            rows.fetch();
            panel.fetch_second();
            V right[kVectors];
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < kRows; ++r) {
                const V left = hn::Set(d, a[r * s.depth]);
#pragma GCC unroll 4
                for (int v = 0; v < kVectors; ++v)
                    sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
            }
            ++a, b += kVectors * lanes;
        };
        for (int64_t k = 0; k < s.depth;) {
            if (room == 0) {
                finish_piece(add);
                add = true, room = kSumPiece;
            }
            const int64_t end = std::min(k + room, s.depth), begin = k;
            if (i == 0 && k == 0)
                k = fetch_written(s, shares.written + tile * shares.written_share,
                                  shares.written_share, end, step);
            for (; k < end; ++k) step();
            room -= end - begin;
        }
    }
    finish_piece(add);
}

/// Computes the rows of a panel from `row` on. Where they are no whole number of tiles, the last
/// one overlaps the one before and writes the same numbers again; but sums that are added must not
/// be added twice, so then smaller tiles follow.
template <int kRows, int kVectors>
void sum_rows(const PanelSum& s, int64_t column, int64_t row = 0) {
    constexpr int64_t kPanel = kVectors * static_cast<int64_t>(hn::MaxLanes(D()));
    const int64_t tiles = (s.rows + kRows - 1) / kRows,
                  all_tiles = tiles * ((s.columns + kPanel - 1) / kPanel),
                  share = (s.written_count + all_tiles - 1) / all_tiles;
    const Shares shares{(kPanel + tiles - 1) / tiles, column / kPanel * tiles * share, share};
    if (s.rows - row >= kRows) {
        int64_t tile = row / kRows;
        for (; row + kRows <= s.rows; row += kRows, ++tile)
            sum_tile<kRows, kVectors>(s, row, tile, shares, column);
        if (row < s.rows && !s.add)
            return sum_tile<kRows, kVectors>(s, s.rows - kRows, tile, shares, column);
    }
    if constexpr (kRows > 1)
        if (row < s.rows) sum_rows<(kRows > 4 ? 4 : kRows / 2), kVectors>(s, column, row);
}

/// Computes kRows rows from `row` on, of the kVectors vectors of columns that are one panel.
template <int kRows, int kVectors>
HWY_INLINE void outer_tile(const OuterSum& s, int64_t row, int64_t column) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    constexpr int64_t kPanel = kVectors * static_cast<int64_t>(hn::MaxLanes(d));
    const bool last_tile = row + kRows >= s.rows, last_panel = column + kPanel >= s.columns;
    const OuterSum& next = s.next != nullptr ? *s.next : s;
    V sum[kRows][kVectors];
    float* out = s.out + row * s.columns + column;
    if (s.add) {
        constexpr int kWrite = 1;
        const float* out_next = !last_tile    ? out + kRows * s.columns
                                : !last_panel ? s.out + column + kPanel
                                              : next.out;
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v)
                __builtin_prefetch(out_next + r * s.columns + v * lanes, kWrite);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
    const float* a = s.a + row;
    const float* b = s.b + column * s.depth;
    // Of the next panel of b this tile's share.
    Ahead panel{last_panel ? next.b : b + kPanel * s.depth, (kPanel * kRows + s.rows - 1) / s.rows};
    panel.at += row * kPanel / s.rows * s.depth;
    for (int64_t k = 0; k < s.depth; ++k, a += s.rows, b += kVectors * lanes) {
        panel.fetch_second();
        V right[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const V left = hn::Set(d, a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            float* to = out + r * s.columns + v * lanes;
            hn::StoreU(s.add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
        }
}

/// Computes all rows of a panel, in tiles of kRows and, where these leave some, kFewer rows.
template <int kRows, int kFewer, int kVectors>
void outer_rows(const OuterSum& s, int64_t column) {
    int64_t row = 0;
    for (; (s.rows - row) % kRows != 0; row += kFewer) outer_tile<kFewer, kVectors>(s, row, column);
    for (; row < s.rows; row += kRows) outer_tile<kRows, kVectors>(s, row, column);
}

/// A tile has as many rows as fill the registers: 24 of 32 with AVX-512, 12 of 16 before it.
void PanelSumTarget(const PanelSum& s) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    const int64_t panel = kPanelVectors * lanes;
    for (int64_t column = 0; column < s.columns; column += panel) {
        const int64_t vectors = std::min(panel, s.columns - column) / lanes;
#if HWY_TARGET <= HWY_AVX3
        if (vectors == 4) sum_rows<6, 4>(s, column);
        if (vectors == 3) sum_rows<8, 3>(s, column);
#endif
        if (vectors == 2) sum_rows<kPanelVectors == 4 ? 12 : 6, 2>(s, column);
        if (vectors == 1) sum_rows<12, 1>(s, column);
    }
}

/// The number of rows is a multiple of 16, and so a sum of sixes and at most two fours.
void OuterSumTarget(const OuterSum& s) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    const int64_t panel = kPanelVectors * lanes;
    for (int64_t column = 0; column < s.columns; column += panel) {
        const int64_t vectors = std::min(panel, s.columns - column) / lanes;
#if HWY_TARGET <= HWY_AVX3
        if (vectors == 4) outer_rows<6, 4, 4>(s, column);
        if (vectors == 3) outer_rows<8, 8, 3>(s, column);
        if (vectors == 2) outer_rows<8, 8, 2>(s, column);
        if (vectors == 1) outer_rows<16, 16, 1>(s, column);
#else
        if (vectors == 2) outer_rows<6, 4, 2>(s, column);
        if (vectors == 1) outer_rows<8, 8, 1>(s, column);
#endif
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(PatchTransformTarget);
HWY_EXPORT(PanelColumnsTarget);
HWY_EXPORT(PanelSumTarget);
HWY_EXPORT(OuterSumTarget);

void run_patch_transform(const PatchTransform& transform) {
    HWY_DYNAMIC_DISPATCH(PatchTransformTarget)(transform);
}
int64_t panel_columns() { return HWY_DYNAMIC_DISPATCH(PanelColumnsTarget)(); }
void run_panel_sum(const PanelSum& sum) { HWY_DYNAMIC_DISPATCH(PanelSumTarget)(sum); }
void run_outer_sum(const OuterSum& sum) { HWY_DYNAMIC_DISPATCH(OuterSumTarget)(sum); }

}  // namespace gmc::runtime
#endif
