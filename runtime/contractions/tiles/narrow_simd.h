// The inner loops of contractions with few channels, each for one thread, on the widest vectors of
// this machine.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// The floats of the widest vector: PanelProduct::columns is a multiple of it, FoldRow may write
/// that much too far.
inline constexpr int64_t kWidestVector = 16;

/// A matrix product with a narrow right side: out[rows, columns] = a[rows, depth] b[depth,
/// columns], all row-major without gaps.
struct PanelProduct {
    const float* a;
    const float* b;
    float* out;
    int64_t rows, depth, columns;
};
void run_panel_product(const PanelProduct& product);

/// Adds overlapping pieces to a row, for `rows` rows at once:
///   out[row][point step + j] = sum of panel[point][row width + j] over points and j below width
/// and zero elsewhere up to `length`. Rows of `out` are `stride` apart, at least length +
/// kWidestVector.
struct FoldRow {
    const float* panel;
    float* out;
    int64_t points, columns;  ///< of the panel
    int64_t rows, width, step, length, stride;
};
void run_fold_row(const FoldRow& fold);

/// out[i] = sum of base[offsets[k] + i] over k below count, for i below length.
struct SumRows {
    const float* base;
    const int64_t* offsets;
    int64_t count;
    float* out;
    int64_t length;
};
void run_sum_rows(const SumRows& sum);

}  // namespace gmc::runtime
