// The inner loops of products with vectors, each for one thread, on the widest vectors of this
// machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler/ir/type.h"

namespace gmc::runtime {

/// Numbers of f32 or bf16 that lie next to each other.
template <typename Byte>
struct NumbersAt {
    Byte* data;
    ir::DType type;
    NumbersAt from(int64_t element) const { return {data + element * ir::dtype_size(type), type}; }
};
using Numbers = NumbersAt<const std::byte>;
using Results = NumbersAt<std::byte>;

/// out[r] = sum of matrix[r][k] vector[k] over k below depth, for r below rows; rows lie without
/// gaps.
struct DotRows {
    Numbers matrix, vector;
    Results out;
    int64_t rows, depth;
};
void run_dot_rows(const DotRows& dot);

/// out[j] = sum of vector[k] matrix[k][j] over k below depth, for j below columns; rows are
/// `stride` apart.
struct WeightedRows {
    Numbers matrix, vector;
    Results out;
    int64_t depth, columns, stride;
};
void run_weighted_rows(const WeightedRows& sum);

/// out[r][j] = left[r] right[j], for r below rows and j below columns; rows of out lie without
/// gaps.
struct OuterRows {
    Numbers left, right;
    Results out;
    int64_t rows, columns;
};
void run_outer_rows(const OuterRows& outer);

}  // namespace gmc::runtime
