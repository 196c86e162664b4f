// A slice or a pad as an operand of a loop: for each tile, the part of the operand that the tile
// shows is copied into a register, piece of a row by piece, with zeros where there is no operand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/kernels/loop/loop_space.h"

namespace gmc::runtime {

/// Along collapsed axis a, position i of the space shows position i + starts[a] of the operand,
/// which has sizes[a] positions.
struct Window {
    std::vector<int64_t> starts, sizes, strides;  ///< strides in elements
    int64_t base = 0;                             ///< the element at position 0 of all of these

    /// Whether each position of the space is one of the operand.
    bool is_covered(const LoopSpace& space) const;
    /// Whether no position of the space is one of the operands of both.
    bool is_apart_from(const Window& other, const LoopSpace& space) const;
    /// The operand's element for `row`, column 0, of a covered space.
    int64_t offset(const LoopSpace& space, int64_t row) const;
};

/// The window for the original axes: `starts` as of ir::window_starts, and the operand's shape.
/// Axes must be collapsed such that those that `cut_axes` names begin a collapsed axis.
Window make_window(const LoopSpace& space, const std::vector<int64_t>& starts,
                   const ir::Shape& operand, const ir::Shape& shape);
/// The original axes along which the window leaves something out or adds zeros.
AxisMask cut_axes(const std::vector<int64_t>& starts, const ir::Shape& operand,
                  const ir::Shape& shape);

/// Copies what `tile` shows of the operand at `from` to `out`. Elements have `size` bytes. Where
/// there is no operand, `out` gets zeros, or with `zeros` false stays as it is.
void copy_window(const Window& window, const LoopSpace& space, const Tile& tile,
                 const std::byte* from, size_t size, bool zeros, std::byte* out);

}  // namespace gmc::runtime
