// The inner loops of vector_matmul. Each runs on one thread, on the widest vectors of this machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler/ir/type.h"

namespace gmc::runtime {

/// Numbers of f32 or bf16, next to each other in memory.
template <typename Byte>
struct NumbersAt {
    Byte* data;
    ir::DType type;
    NumbersAt from(int64_t element) const { return {data + element * ir::dtype_size(type), type}; }
};
using Numbers = NumbersAt<const std::byte>;
using Results = NumbersAt<std::byte>;

/// out[r] = sum of matrix[r][k] vector[k] over k < depth, for r < rows. The rows of the matrix have
/// no gaps.
struct DotRows {
    Numbers matrix, vector;
    Results out;
    int64_t rows, depth;
};
void run_dot_rows(const DotRows& dot);

/// out[j] = sum of vector[k] matrix[k][j] over k < depth, for j < columns. Rows of the matrix are
/// `stride` apart.
struct WeightedRows {
    Numbers matrix, vector;
    Results out;
    int64_t depth, columns, stride;
};
void run_weighted_rows(const WeightedRows& sum);

/// out[r][j] = left[r] right[j], for r < rows and j < columns. Rows of `out` have no gaps.
struct OuterRows {
    Numbers left, right;
    Results out;
    int64_t rows, columns;
};
void run_outer_rows(const OuterRows& outer);

}  // namespace gmc::runtime
