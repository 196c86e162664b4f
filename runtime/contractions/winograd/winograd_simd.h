// The inner loops of Winograd's convolutions: small transforms along two axes, and sums of matrix
// products. Each runs on one thread, on the widest vectors of this machine.
#pragma once

#include <cstdint>

#include "runtime/contractions/winograd/toom_cook.h"

namespace gmc::runtime {

/// Floats in the widest vector (AVX-512). Numbers of channels are multiples of it, so that kernels
/// have no remainders on any machine.
inline constexpr int64_t kWinogradVector = 16;

/// A small transform along two axes, to = rows from columns^T, for `count` channels at once. `from`
/// and `to` point to the channels of each position, row by row:
///   to[i columns.rows + j][c] = sum of rows[i, k] columns[j, l] from[k columns.columns + l][c]
///       for each i < rows.rows and j < columns.rows, over k and l
/// A result whose pointer in `to` is null is not stored.
struct PatchTransform {
    const SmallMatrix* rows;
    const SmallMatrix* columns;
    const float* const* from;
    float* const* to;
    /// A multiple of kWinogradVector.
    int64_t count;
    /// What the next transform will read, as many pointers as `from`, or null. It is prefetched
    /// meanwhile: the positions of a patch lie far apart in memory.
    const float* const* next = nullptr;
};
void run_patch_transform(const PatchTransform& transform);

/// How many columns a panel of weights has. A matrix [depth, columns] "in panels" stores its first
/// panel_columns() columns first, row by row, then the next ones: so the product reads its weights
/// in order.
int64_t panel_columns();

/// out[rows, columns] = the sum of the matrix products a[i] b[i] over i < terms, where each a[i] is
/// [rows, depth] and each b[i] is [depth, columns] in panels. With `add` it is added to `out`.
/// Products are summed kSumPiece at a time: the rounding errors of one long sum would grow with the
/// root of its length.
struct PanelSum {
    const float* const* a;
    const float* const* b;
    int64_t terms;
    float* out;
    /// Columns are a multiple of kWinogradVector.
    int64_t rows, depth, columns;
    /// The sum that this thread computes next, or null. Its operands are prefetched.
    const PanelSum* next = nullptr;
    /// What will be written soon: `columns` floats from each of these pointers on that is not null.
    /// They are prefetched.
    float* const* written = nullptr;
    int64_t written_count = 0;
    bool add = false;
};
inline constexpr int64_t kSumPiece = 128;
void run_panel_sum(const PanelSum& sum);

/// out[rows, columns] = a^T b (or += with `add`), where a is [depth, rows] and b is
/// [depth, columns] in panels.
struct OuterSum {
    const float* a;
    const float* b;
    float* out;
    /// Rows and columns are multiples of kWinogradVector.
    int64_t depth, rows, columns;
    /// Adds to what `out` holds instead of replacing it.
    bool add;
    /// The sum that this thread computes next, or null. What it reads is prefetched.
    const OuterSum* next = nullptr;
};
void run_outer_sum(const OuterSum& sum);

}  // namespace gmc::runtime
