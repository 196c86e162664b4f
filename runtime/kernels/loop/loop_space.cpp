// Collapses axes and chooses tiles. Neighbouring axes become one when no operand and no result
// varies along one of them only:
//     x[128,28,28,64] + bias[64]  ->  rows 128 x 28 x 28 = 100352, inner 64
#include "runtime/kernels/loop/loop_space.h"

#include <algorithm>
#include <numeric>

#include "compiler/support/numbers.h"

namespace gmc::runtime {
namespace {

/// Whether every mask has both axes or neither.
bool alike(int64_t a, int64_t b, const std::vector<AxisMask>& masks) {
    return std::all_of(masks.begin(), masks.end(),
                       [&](AxisMask m) { return (m >> a & 1) == (m >> b & 1); });
}

/// Rows per tile such that tiles begin at multiples of 64 elements (the random ops' chunk) or else
/// 16 (a vector).
int64_t choose_rows(int64_t rows, int64_t inner, int64_t tile_elements) {
    const int64_t most = std::max<int64_t>(tile_elements / inner, 1);
    for (const int64_t unit : {64, 16}) {
        // The fewest rows that are a multiple of the unit together.
        const int64_t group = unit / std::gcd(inner, unit);
        if (group <= most) return std::min(most / group * group, rows);
    }
    return std::min(most, rows);
}

}  // namespace

AxisMask LoopSpace::collapsed(AxisMask original) const {
    AxisMask mask = 0;
    for (size_t a = 0; a < axis.size(); ++a)
        if (axis[a] >= 0 && (original >> a & 1) != 0) mask |= AxisMask{1} << axis[a];
    return mask;
}

Tile LoopSpace::tile(int64_t row_tile, int64_t chunk) const {
    Tile tile;
    tile.row = row_tile * rows_per_tile;
    tile.rows = std::min(rows_per_tile, rows - tile.row);
    tile.column = chunk * columns_per_tile;
    tile.columns = std::min(columns_per_tile, inner - tile.column);
    tile.first = tile.row * inner + tile.column;
    return tile;
}

/// Walks the axes from the outermost, joining each with the one before where they are alike; then
/// decides between tiles of whole rows and tiles within a row.
LoopSpace make_loop_space(const ir::Shape& shape, const std::vector<AxisMask>& masks, AxisMask cut,
                          int64_t tile_elements) {
    LoopSpace space;
    int64_t previous = -1;
    bool apart = false;  // an axis since the previous one, or this one, is cut
    for (int64_t a = 0; a < static_cast<int64_t>(shape.size()); ++a) {
        apart |= (cut >> a & 1) != 0;
        if (shape[a] == 1) {
            space.axis.push_back(-1);
            continue;
        }
        if (previous >= 0 && !apart && alike(previous, a, masks))
            space.sizes.back() *= shape[a];
        else
            space.sizes.push_back(shape[a]);
        space.axis.push_back(static_cast<int>(space.sizes.size()) - 1);
        previous = a;
        apart = false;
    }
    if (!space.sizes.empty()) space.inner = space.sizes.back();
    for (size_t i = 0; i + 1 < space.sizes.size(); ++i) space.rows *= space.sizes[i];

    // Short rows are taken several at a time; long ones are cut into equal parts. Where windows are
    // seen, rows are short only if they are much shorter: pieces of a row are read where they are,
    // those of several rows are copied first.
    const int64_t short_most = tile_elements / (cut != 0 ? 8 : 2);
    space.whole_rows = space.rows > 1 && space.inner <= short_most;
    if (space.whole_rows) {
        space.rows_per_tile = choose_rows(space.rows, space.inner, tile_elements);
        space.columns_per_tile = space.inner;
    } else {
        const int64_t parts = (space.inner + tile_elements - 1) / tile_elements;
        space.columns_per_tile =
            std::min(align_up((space.inner + parts - 1) / parts, 64), space.inner);
        space.chunks = (space.inner + space.columns_per_tile - 1) / space.columns_per_tile;
    }
    return space;
}

/// Walks the axes from the second last outwards. Axes along which the tensor does not vary and that
/// lie inside of all others along which it does are covered by `repeat`; the rest get a stride.
AccessMap make_access_map(const LoopSpace& space, AxisMask collapsed_mask) {
    AccessMap map;
    map.mask = collapsed_mask;
    map.along_row = (collapsed_mask & space.inner_bit()) != 0;
    map.elements = map.along_row ? space.inner : 1;
    bool trailing = true;
    for (size_t a = space.sizes.empty() ? 0 : space.sizes.size() - 1; a-- > 0;) {
        const bool kept = (collapsed_mask >> a & 1) != 0;
        if (trailing && !kept) {
            map.repeat *= space.sizes[a];
            continue;
        }
        trailing = false;
        map.sizes.insert(map.sizes.begin(), space.sizes[a]);
        map.strides.insert(map.strides.begin(), kept ? map.elements : 0);
        if (kept) map.elements *= space.sizes[a];
    }
    return map;
}

}  // namespace gmc::runtime
