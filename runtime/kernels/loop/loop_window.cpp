// Walks the rows of a tile like the digits of a counter, from the last outer axis to the first.
#include "runtime/kernels/loop/loop_window.h"

#include <algorithm>
#include <cstring>

namespace gmc::runtime {

bool Window::is_covered(const LoopSpace& space) const {
    for (size_t a = 0; a < space.sizes.size(); ++a)
        if (starts[a] < 0 || starts[a] + space.sizes[a] > sizes[a]) return false;
    return true;
}

bool Window::is_apart_from(const Window& other, const LoopSpace& space) const {
    for (size_t a = 0; a < space.sizes.size(); ++a) {
        const int64_t begin = std::max(-starts[a], -other.starts[a]);
        const int64_t end = std::min(sizes[a] - starts[a], other.sizes[a] - other.starts[a]);
        if (begin >= end) return true;
    }
    return false;
}

int64_t Window::offset(const LoopSpace& space, int64_t row) const {
    int64_t sum = base + starts.back() * strides.back();
    for (size_t a = starts.size() - 1; a-- > 0; row /= space.sizes[a])
        sum += (row % space.sizes[a] + starts[a]) * strides[a];
    return sum;
}

AxisMask cut_axes(const std::vector<int64_t>& starts, const ir::Shape& operand,
                  const ir::Shape& shape) {
    AxisMask mask = 0;
    for (size_t a = 0; a < shape.size(); ++a)
        if (starts[a] != 0 || operand[a] != shape[a]) mask |= AxisMask{1} << a;
    return mask;
}

/// A collapsed axis begins with the one axis of it that may be cut; all behind that are whole, so
/// positions of them multiply.
Window make_window(const LoopSpace& space, const std::vector<int64_t>& starts,
                   const ir::Shape& operand, const ir::Shape& shape) {
    Window window;
    const size_t axes = std::max<size_t>(space.sizes.size(), 1);  // one number is a row, too
    window.starts.assign(axes, 0);
    window.sizes.assign(axes, 1);
    window.strides.assign(axes, 1);
    int64_t stride = 1;
    for (size_t a = shape.size(); a-- > 0; stride *= operand[a]) {
        if (space.axis[a] < 0) {  // one position
            window.base += starts[a] * stride;
            continue;
        }
        const auto c = static_cast<size_t>(space.axis[a]);
        if (window.sizes[c] == 1) window.strides[c] = stride;
        window.starts[c] = starts[a] * window.sizes[c];
        window.sizes[c] *= operand[a];
    }
    return window;
}

void copy_window(const Window& window, const LoopSpace& space, const Tile& tile,
                 const std::byte* from, size_t size, bool zeros, std::byte* out) {
    const size_t outer = window.sizes.size() - 1;
    int64_t at[64] = {};  // of the row, along each outer axis: shapes have fewer than 64
    int64_t rest = tile.row;
    for (size_t a = outer; a-- > 0; rest /= space.sizes[a]) at[a] = rest % space.sizes[a];
    // Columns of the tile that the operand has.
    const int64_t first = tile.column + window.starts[outer];
    const int64_t begin = std::clamp<int64_t>(-first, 0, tile.columns);
    const int64_t end = std::clamp<int64_t>(window.sizes[outer] - first, begin, tile.columns);
    const auto bytes = [&](int64_t elements) { return static_cast<size_t>(elements) * size; };
    const int64_t step = window.strides[outer];
    for (int64_t row = 0; row < tile.rows; ++row, out += bytes(tile.columns)) {
        bool inside = end > begin;
        int64_t offset = window.base + (first + begin) * step;
        for (size_t a = 0; a < outer; ++a) {
            const int64_t position = at[a] + window.starts[a];
            inside &= position >= 0 && position < window.sizes[a];
            offset += position * window.strides[a];
        }
        if (zeros) {
            std::memset(out, 0, bytes(inside ? begin : tile.columns));
            if (inside) std::memset(out + bytes(end), 0, bytes(tile.columns - end));
        }
        if (inside) {
            if (step == 1)
                std::memcpy(out + bytes(begin), from + bytes(offset), bytes(end - begin));
            else
                for (int64_t i = begin; i < end; ++i)
                    std::memcpy(out + bytes(i), from + bytes(offset + (i - begin) * step), size);
        }
        for (size_t a = outer; a-- > 0 && ++at[a] == space.sizes[a];) at[a] = 0;
    }
}

}  // namespace gmc::runtime
