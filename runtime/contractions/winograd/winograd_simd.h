// The inner loops of Winograd's convolutions: small transforms along two axes, and sums of matrix
// products. Each runs on one thread, on the widest vectors of this machine.
#pragma once

#include <cstdint>

#include "runtime/contractions/winograd/toom_cook.h"

namespace gmc::runtime {

/// Floats in the widest vector; channels are a multiple of it.
inline constexpr int64_t kWinogradVector = 16;

/// to = rows from columns^T, for `count` channels at once: for each i < rows.rows, j < columns.rows
///   to[i columns.rows + j][c] = sum of rows[i, k] columns[j, l] from[k columns.columns + l][c]
/// Null in `to`: not wanted.
struct PatchTransform {
    const SmallMatrix* rows;
    const SmallMatrix* columns;
    const float* const* from;
    float* const* to;
    /// A multiple of kWinogradVector.
    int64_t count;
    /// What the next transform will read, which is fetched into the cache meanwhile: as many
    /// pointers as `from`, or null.
    const float* const* next = nullptr;
};
void run_patch_transform(const PatchTransform& transform);

/// The columns of a panel of weights: the first panel_columns() columns of a matrix [depth,
/// columns] are stored first, row by row, then the next.
int64_t panel_columns();

/// out[rows, columns] = sum of a[i] b[i] over i < terms; a[i] are [rows, depth] and b[i] are
/// [depth, columns] in panels.
struct PanelSum {
    const float* const* a;
    const float* const* b;
    int64_t terms;
    float* out;
    /// Columns are a multiple of kWinogradVector.
    int64_t rows, depth, columns;
};
void run_panel_sum(const PanelSum& sum);

/// out[rows, columns] (+)= a^T b, where a is [depth, rows] and b is [depth, columns] in panels.
struct OuterSum {
    const float* a;
    const float* b;
    float* out;
    /// Rows and columns are multiples of kWinogradVector.
    int64_t depth, rows, columns;
    /// Adds to what `out` holds instead of replacing it.
    bool add;
};
void run_outer_sum(const OuterSum& sum);

}  // namespace gmc::runtime
