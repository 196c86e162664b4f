// The iteration space of a loop kernel, after collapsing: neighbouring axes along which every
// operand and result behaves alike become one, axes of size 1 vanish. The last collapsed axis is a
// "row"; the space is `rows` rows of `inner` elements, row-major, and is walked in tiles that are
// either some whole rows or a part of one row.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/type.h"

namespace gmc::runtime {

/// Bit a = varies along axis a.
using AxisMask = uint64_t;

/// Whole rows, or a part of one row; contiguous in tensors over the whole space.
struct Tile {
    int64_t row = 0, rows = 1;
    int64_t column = 0, columns = 1;
    int64_t first = 0;  ///< flat index of the first element
    size_t count() const { return static_cast<size_t>(rows * columns); }
};

/// An iteration space, cut into tiles. Axes along which all tensors behave alike are collapsed into
/// one first: [128, 28, 28, 64] with a bias per channel becomes [100352, 64]. The last collapsed
/// axis is the row.
struct LoopSpace {
    std::vector<int64_t> sizes;  ///< collapsed, all above 1
    std::vector<int> axis;       ///< original axis -> collapsed axis; -1 for size 1
    int64_t rows = 1;            ///< product of all sizes but the last
    int64_t inner = 1;           ///< the last size
    bool whole_rows = false;     ///< a tile is several whole rows; else at most one row
    int64_t rows_per_tile = 1;
    int64_t columns_per_tile = 1;  ///< = inner for whole rows
    int64_t chunks = 1;            ///< tiles per row; 1 for whole rows

    int64_t elements() const { return rows * inner; }
    int64_t row_tiles() const { return (rows + rows_per_tile - 1) / rows_per_tile; }
    int64_t tiles() const { return row_tiles() * chunks; }
    int64_t tile_elements() const { return rows_per_tile * columns_per_tile; }
    Tile tile(int64_t row_tile, int64_t chunk) const;
    /// The mask of collapsed axes for a mask of original ones.
    AxisMask collapsed(AxisMask original) const;
    AxisMask all() const { return (AxisMask{1} << sizes.size()) - 1; }
    AxisMask inner_bit() const { return sizes.empty() ? 0 : AxisMask{1} << (sizes.size() - 1); }
};

/// Collapses `shape`; `masks` (original axes) are the ways in which operands and results vary. Axes
/// of `cut` are not joined with those before them. Tiles have about `tile_elements` elements,
/// multiples of 64 or 16 where possible.
LoopSpace make_loop_space(const ir::Shape& shape, const std::vector<AxisMask>& masks, AxisMask cut,
                          int64_t tile_elements);

/// Where the elements of a tensor lie that varies along some of the collapsed axes only. The tensor
/// is row-major over these.
struct AccessMap {
    AxisMask mask = 0;
    bool along_row = false;  ///< varies along the row, contiguously
    int64_t repeat = 1;      ///< consecutive rows that share an offset
    int64_t elements = 1;    ///< of the tensor
    std::vector<int64_t> sizes,
        strides;  ///< outer axes, without the trailing ones that `repeat` covers

    /// Offset of the element for `row`, column 0.
    int64_t offset(int64_t row) const {
        int64_t rest = row / repeat, sum = 0;
        for (size_t i = sizes.size(); i-- > 0; rest /= sizes[i])
            sum += rest % sizes[i] * strides[i];
        return sum;
    }
    /// The first row after `row` that has another offset (or the same by wrapping round).
    int64_t segment_end(int64_t row) const { return (row / repeat + 1) * repeat; }
};

AccessMap make_access_map(const LoopSpace& space, AxisMask collapsed_mask);

}  // namespace gmc::runtime
