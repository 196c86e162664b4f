// The matrices of a short convolution that needs fewer products than the direct sum (Winograd's
// minimal filtering, derived from Toom and Cook's multiplication of polynomials).
//
// The idea: a polynomial of degree n - 1 is determined by its values at n points, and the value of
// a product at a point is the product of the two values there. So two polynomials are multiplied
// with n multiplications, one per point, instead of one for each pair of coefficients. Transposing
// this algorithm gives a convolution: m neighbouring results y of r taps g, read from n = m + r - 1
// inputs d, need only n products:
//   y[j] = sum of d[j + u] g[u] over u < r, for j < m
//   y = E(n, m)^T ((E(n, r) g) * (L(n) d))        * multiplies element by element
// E(n, r) evaluates a polynomial of r coefficients at n points; L(n) = V^-T, where V = E(n, n),
// interpolates. With y and g exchanged, the same formula gives the gradient with respect to g.
//
// All divisions are put into L. Then E(n - 1, r) is the first n - 1 rows of E(n, r), so that a
// smaller tile can use the transformed weights of a larger one. The points are those that Barabasz
// et al. 2020, "Error analysis and improving the accuracy of Winograd convolution", found to round
// least.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// The most points of a form. With more, rounding errors become too large to be of use in f32.
inline constexpr int kMostPoints = 8;

struct SmallMatrix {
    int rows = 0, columns = 0;
    float at[kMostPoints][kMostPoints] = {};
};

/// E(points, coefficients): the values of a polynomial at the first `points` points, of which the
/// first is infinity (the leading coefficient). Matrices are made once and live forever.
const SmallMatrix& evaluation(int64_t points, int64_t coefficients);
/// The transpose of E(points, coefficients), stored so that kernels read it row by row.
const SmallMatrix& evaluation_transposed(int64_t points, int64_t coefficients);
/// L(points): from `points` inputs to what is multiplied with the transformed taps.
const SmallMatrix& interpolation(int64_t points);

}  // namespace gmc::runtime
