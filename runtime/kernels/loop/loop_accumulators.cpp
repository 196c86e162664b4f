// Keeps the sums of a reduction. There are three ways to reduce a tile: along its columns, with an
// accumulator for each; over segments of rows that share a result, with one accumulator; or row by
// row, straight into the result.
#include "runtime/kernels/loop/loop_accumulators.h"

#include <algorithm>

namespace gmc::runtime {

Accumulators::Accumulators(const Reduction& reduction, const LoopSpace& space, size_t units,
                           bool by_columns, int64_t block_rows)
    : reduction_(reduction), space_(space), shared_(by_columns && reduction.map.along_row) {
    if (block_rows != 0 && reduction.in_blocks()) {
        block_rows_ = block_rows;
        block_elements_ = block_rows * reduction.map.elements / space.rows;
    }
    if (reduction.row_by_row) units = 0;
    const int64_t size = block_rows_ != 0 ? block_elements_ : reduction.accumulators();
    for (size_t unit = 0; unit < (shared_ ? 1 : units); ++unit)
        arrays_.push_back(hwy::AllocateAligned<double>(static_cast<size_t>(size)));
}

void Accumulators::start(size_t unit, ColumnRange columns) {
    if (reduction_.row_by_row || block_rows_ != 0) return;
    double* array = of(unit);
    const int64_t count = reduction_.accumulators();
    const double identity = reduction_.functions.identity;
    if (!shared_)
        std::fill_n(array, count, identity);
    else
        for (int64_t row = 0; row < count; row += space_.inner)
            std::fill(array + row + columns.begin, array + row + columns.end, identity);
}

void Accumulators::take_in(size_t unit, const Tile& tile, const float* values) {
    const ReduceFunctions& f = reduction_.functions;
    const size_t columns = static_cast<size_t>(tile.columns);
    if (reduction_.row_by_row)
        return f.rows(values, static_cast<size_t>(tile.rows), columns, result_ + tile.row);
    double* array = of(unit);
    if (reduction_.period != 0) {
        const size_t width = static_cast<size_t>(reduction_.period), rows = tile.count() / width;
        if (rows > 0) f.columns(values, rows, width, array);
        const size_t rest = tile.count() - rows * width;
        if (rest > 0) f.columns(values + rows * width, 1, rest, array);
        return;
    }
    if (block_rows_ != 0) return take_in_block(tile, values, array);
    take_in_rows(tile, values, array, 0);
}

/// Adds a tile to `array`, whose first accumulator is that of element `first` of the result.
void Accumulators::take_in_rows(const Tile& tile, const float* values, double* array,
                                int64_t first) const {
    const ReduceFunctions& f = reduction_.functions;
    const size_t columns = static_cast<size_t>(tile.columns);
    const AccessMap& map = reduction_.map;
    for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
        end = std::min(map.segment_end(row), tile.row + tile.rows);
        double* to = array + (map.offset(row) - first);
        const size_t rows = static_cast<size_t>(end - row);
        if (map.along_row)
            f.columns(values, rows, columns, to + tile.column);
        else
            f.all(values, rows * columns, to);
        values += rows * columns;
    }
}

/// The same for the array of one block, which begins with its first tile and ends with its last.
void Accumulators::take_in_block(const Tile& tile, const float* values, double* array) const {
    const int64_t block = tile.row / block_rows_, first = block * block_elements_;
    if (tile.row == block * block_rows_ && tile.column == 0)
        std::fill_n(array, block_elements_, reduction_.functions.identity);
    take_in_rows(tile, values, array, first);
    const int64_t end = tile.row + tile.rows;
    if ((end % block_rows_ != 0 && end != space_.rows) ||
        tile.column + tile.columns != space_.inner)
        return;
    const int64_t elements = std::min(block_elements_, reduction_.map.elements - first);
    for (int64_t i = 0; i < elements; ++i) result_[first + i] = static_cast<float>(array[i]);
}

void Accumulators::stop(size_t unit, ColumnRange columns) {
    if (!shared_) return;
    const double* array = of(unit);
    for (int64_t row = 0; row < reduction_.map.elements; row += space_.inner)
        for (int64_t i = row + columns.begin; i < row + columns.end; ++i)
            result_[i] = static_cast<float>(array[i]);
}

/// Adds up the units' arrays in their order. With a period, an array holds several rows side by
/// side, which are added up as well.
void Accumulators::finish() {
    if (shared_ || block_rows_ != 0 || reduction_.row_by_row) return;
    const auto merge = reduction_.functions.merge;
    const auto width = static_cast<size_t>(reduction_.accumulators()),
               elements = static_cast<size_t>(reduction_.map.elements);
    double* total = arrays_[0].get();
    for (size_t unit = 1; unit < arrays_.size(); ++unit) merge(arrays_[unit].get(), width, total);
    for (size_t begin = elements; begin < width; begin += elements)
        merge(total + begin, elements, total);
    for (size_t i = 0; i < elements; ++i) result_[i] = static_cast<float>(total[i]);
}

}  // namespace gmc::runtime
