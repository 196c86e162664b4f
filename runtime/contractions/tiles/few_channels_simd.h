// The inner loops of few_channels_backward_data. Each runs on one thread, on the widest vectors of
// this machine.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// Floats in the widest vector. PanelProduct::columns is a multiple of it, and FoldRow may write
/// this many floats beyond the end of a row.
inline constexpr int64_t kWidestVector = 16;

/// A matrix product whose right side has few columns: out[rows, columns] = a[rows, depth] b[depth,
/// columns]. All three are row-major without gaps.
struct PanelProduct {
    const float* a;
    const float* b;
    float* out;
    int64_t rows, depth, columns;
};
void run_panel_product(const PanelProduct& product);

/// Adds overlapping pieces to a row, for `rows` rows at once:
///    out[row][point step + j] = sum of panel[point][row width + j] over points and over j < width
/// Elements that no piece reaches are zero, up to `length`. Rows of `out` are `stride` floats
/// apart, at least length + kWidestVector.
struct FoldRow {
    const float* panel;
    float* out;
    /// Of the panel.
    int64_t points, columns;
    int64_t rows, width, step, length, stride;
};
void run_fold_row(const FoldRow& fold);

/// out[i] = sum of base[offsets[k] + i] over k < count, for i < length.
struct SumRows {
    const float* base;
    const int64_t* offsets;
    int64_t count;
    float* out;
    int64_t length;
};
void run_sum_rows(const SumRows& sum);

}  // namespace gmc::runtime
