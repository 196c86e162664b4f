// Gathers blocks of weights and transforms them.
#include "runtime/contractions/winograd/winograd_weights.h"

#include <algorithm>

#include "runtime/contractions/winograd/winograd_simd.h"

namespace gmc::runtime {

/// Copies a block of a tap into panels. For backward data rows are filters and columns are
/// channels, so the weights are transposed on the way. Four columns at once are read in order, so
/// that more of what is awaited from memory is on its way.
void WinogradWeights::gather(int64_t tap, const Block& block, float* to) const {
    const int64_t panel = panel_columns(), end = block.column + block.columns;
    const float* from = data_ + tap * l_.channels * l_.filters;
    for (int64_t column = block.column; column < end; column += panel) {
        const int64_t columns = std::min(panel, end - column);
        if (forward_)
            for (int64_t i = 0; i < block.rows; ++i)
                std::copy_n(from + (block.row + i) * l_.filters + column, columns,
                            to + i * columns);
        else
            for (int64_t j = 0; j < columns; j += 4) {
                const float* rows = from + (column + j) * l_.filters + block.row;
                for (int64_t i = 0; i < block.rows; ++i, ++rows)
                    for (int64_t four = 0; four < 4; ++four)
                        to[i * columns + j + four] = rows[four * l_.filters];
            }
        to += block.rows * columns;
    }
}

void WinogradWeights::transform(const WinogradTerm& term, WinogradSize tile, const Block& block,
                                float* memory, float* to, int64_t stride) const {
    const WinogradSize points = WinogradPlan::points_of_term(term, tile);
    const float* from[kMostPatch];
    float* values[kMostPatch];
    int64_t n = 0;
    for (const int64_t h : term.row->taps)
        for (const int64_t w : term.column->taps) {
            float* taps = memory + n * block.count();
            gather(h * l_.kernel[2] + w, block, taps);
            from[n++] = taps;
        }
    for (int64_t i = 0; i < points.area(); ++i) values[i] = to + i * stride;
    run_patch_transform({&evaluation(points.rows, term.row->count()),
                         &evaluation(points.columns, term.column->count()), from, values,
                         block.count()});
}

}  // namespace gmc::runtime
