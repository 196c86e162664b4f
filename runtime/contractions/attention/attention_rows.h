// What attention and its gradient share: products by register tiles between matrices whose rows are
// padded to whole vectors, in memory of the thread.
#pragma once

#include <algorithm>

#include "compiler/support/numbers.h"
#include "runtime/contractions/attention/attention.h"
#include "runtime/contractions/attention/attention_simd.h"
#include "runtime/kernels/tile_transpose.h"

namespace gmc::runtime {

/// A matrix in memory: row r begins at data + r stride.
template <typename T>
struct Rows {
    T* data;
    int64_t stride;
    T* row(int64_t r) const { return data + r * stride; }
};
using RowsOf = Rows<const float>;

inline int64_t whole_vectors(int64_t columns) { return align_up(columns, kTileVector); }

/// Copies rows of `columns` numbers to rows of whole vectors, filled up with zeros.
inline void pack_rows(RowsOf from, int64_t rows, int64_t columns, float* to) {
    const int64_t stride = whole_vectors(columns);
    for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(from.row(r), columns, to + r * stride);
        std::fill(to + r * stride + columns, to + (r + 1) * stride, 0.0F);
    }
}

/// The same of the transposed matrix: [columns, rows] in whole vectors.
inline void pack_transposed(RowsOf from, int64_t rows, int64_t columns, float* to) {
    static const TransposeFunction<float> transpose = transpose_function<float>();
    const int64_t stride = whole_vectors(rows);
    transpose(from.data, from.stride, to, stride, columns, rows);
    for (int64_t c = 0; c < columns; ++c)
        std::fill(to + c * stride + rows, to + (c + 1) * stride, 0.0F);
}

/// to[rows, columns] = a[rows, depth] b[depth, columns]; `columns`, the stride of b and that of the
/// result, is a number of whole vectors.
inline void multiply(RowsOf a, const float* b, int64_t rows, int64_t depth, int64_t columns,
                     float* to) {
    static constexpr PointTap kOneTap{0, 0};
    for (int64_t column = 0; column < columns; column += kTileColumns)
        run_point_tiles({a.row(0), b + column, to + column, &kOneTap, 1, depth, a.stride, 0,
                         columns, columns, rows, std::min(kTileColumns, columns - column), false,
                         false, false});
}

/// How many rows of the scores are computed at once: with 64 keys they and what they need stay in
/// the first-level cache.
inline constexpr int64_t kAttentionRows = 24;

/// A unit of less work than this many products of numbers is not worth a thread.
inline constexpr int64_t kAttentionUnitProducts = 1 << 15;

/// The rows of example n and head h of a tensor [N, length, H, depth].
template <typename T>
Rows<T> head_of(T* x, const AttentionProblem& p, int64_t n, int64_t h, int64_t length,
                int64_t depth) {
    return {x + (n * length * p.heads + h) * depth, p.heads * depth};
}

/// Copies packed rows to those of a result, each times factors[r] if there are some.
inline void unpack_rows(const float* from, const float* factors, int64_t rows, int64_t columns,
                        Rows<float> to) {
    const int64_t stride = whole_vectors(columns);
    for (int64_t r = 0; r < rows; ++r) {
        float* row = std::copy_n(from + r * stride, columns, to.row(r)) - columns;
        if (factors == nullptr) continue;
        for (int64_t c = 0; c < columns; ++c) row[c] *= factors[r];
    }
}

/// scores[rows, S] = e^(scale q k^T + mask - largest of the row), for rows of example n and head h
/// from t on; `keys` is k^T as pack_transposed makes it.
inline void attention_exponentials(const AttentionProblem& p, RowsOf q, const float* keys,
                                   int64_t n, int64_t h, int64_t t, int64_t rows, float* scores,
                                   float* inverse_sums) {
    const int64_t stride = whole_vectors(p.keys);
    multiply(q, keys, rows, p.depth, stride, scores);
    const auto& strides = p.mask_strides;
    const float* mask =
        p.mask == nullptr ? nullptr : p.mask + n * strides[0] + h * strides[1] + t * strides[2];
    run_softmax_rows({scores, mask, inverse_sums, p.scale, rows, p.keys, stride, strides[2]});
}

}  // namespace gmc::runtime
