// Positions in row-major tensors of any rank: counting through them and turning them into offsets.
#pragma once

#include "compiler/ir/type.h"

namespace gmc::runtime {

using Index = std::vector<int64_t>;

/// Steps to the next position of `shape` in row-major order; false after the last.
/// Usage: `Index i(shape.size()); do { ... } while (next(i, shape));`
inline bool next(Index& index, const ir::Shape& shape) {
    for (size_t axis = shape.size(); axis-- > 0;) {
        if (++index[axis] < shape[axis]) return true;
        index[axis] = 0;
    }
    return false;
}

/// The row-major position of `index`, which must lie inside `shape`.
inline size_t offset(const Index& index, const ir::Shape& shape) {
    int64_t position = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis)
        position = position * shape[axis] + index[axis];
    return static_cast<size_t>(position);
}

}  // namespace gmc::runtime
