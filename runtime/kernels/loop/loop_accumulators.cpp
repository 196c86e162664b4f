// Keeps the sums of a reduction. There are three ways to reduce a tile: along its columns, with an
// accumulator for each; over segments of rows that share a result, with one accumulator; or row by
// row, straight into the result.
#include "runtime/kernels/loop/loop_accumulators.h"

#include <algorithm>

namespace gmc::runtime {

Accumulators::Accumulators(const Reduction& reduction, const LoopSpace& space, size_t units,
                           bool by_columns)
    : reduction_(reduction), inner_(space.inner), shared_(by_columns && reduction.map.along_row) {
    if (reduction.row_by_row) units = 0;
    for (size_t unit = 0; unit < (shared_ ? 1 : units); ++unit)
        arrays_.push_back(
            hwy::AllocateAligned<double>(static_cast<size_t>(reduction.accumulators())));
}

void Accumulators::start(size_t unit, ColumnRange columns) {
    if (reduction_.row_by_row) return;
    double* array = of(unit);
    const int64_t count = reduction_.accumulators();
    const double identity = reduction_.functions.identity;
    if (!shared_)
        std::fill_n(array, count, identity);
    else
        for (int64_t row = 0; row < count; row += inner_)
            std::fill(array + row + columns.begin, array + row + columns.end, identity);
}

void Accumulators::take_in(size_t unit, const Tile& tile, const float* values) {
    const ReduceFunctions& f = reduction_.functions;
    const size_t columns = static_cast<size_t>(tile.columns);
    if (reduction_.row_by_row)
        return f.rows(values, static_cast<size_t>(tile.rows), columns,
                      reduction_.result + tile.row);
    double* array = of(unit);
    if (reduction_.period != 0) {
        const size_t width = static_cast<size_t>(reduction_.period), rows = tile.count() / width;
        if (rows > 0) f.columns(values, rows, width, array);
        const size_t rest = tile.count() - rows * width;
        if (rest > 0) f.columns(values + rows * width, 1, rest, array);
        return;
    }
    const AccessMap& map = reduction_.map;
    for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
        end = std::min(map.segment_end(row), tile.row + tile.rows);
        double* to = array + map.offset(row);
        const size_t rows = static_cast<size_t>(end - row);
        if (map.along_row)
            f.columns(values, rows, columns, to + tile.column);
        else
            f.all(values, rows * columns, to);
        values += rows * columns;
    }
}

void Accumulators::stop(size_t unit, ColumnRange columns) {
    if (!shared_) return;
    const double* array = of(unit);
    for (int64_t row = 0; row < reduction_.map.elements; row += inner_)
        for (int64_t i = row + columns.begin; i < row + columns.end; ++i)
            reduction_.result[i] = static_cast<float>(array[i]);
}

/// Adds up the units' arrays in their order. With a period, an array holds several rows side by
/// side, which are added up as well.
void Accumulators::finish() {
    if (shared_ || reduction_.row_by_row) return;
    const auto merge = reduction_.functions.merge;
    const auto width = static_cast<size_t>(reduction_.accumulators()),
               elements = static_cast<size_t>(reduction_.map.elements);
    double* total = arrays_[0].get();
    for (size_t unit = 1; unit < arrays_.size(); ++unit) merge(arrays_[unit].get(), width, total);
    for (size_t begin = elements; begin < width; begin += elements)
        merge(total + begin, elements, total);
    for (size_t i = 0; i < elements; ++i) reduction_.result[i] = static_cast<float>(total[i]);
}

}  // namespace gmc::runtime
