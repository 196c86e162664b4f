// The three matrices of Toom and Cook's multiplication of polynomials, and of the short
// convolutions that Winograd made of it. A polynomial of degree n - 1 is known by its values at n
// points, and a value of a product is the product of the values: n multiplications instead of one
// for each pair of coefficients. Transposed, this computes m neighbouring sums of r taps with n = m
// + r - 1 products:
//   y[j] = sum of d[j + u] g[u] over u < r, for j < m
//   y = E(n, m)^T ((E(n, r) g) * (L(n) d))        * is element by element
// and with y and g exchanged, the r sums of m products of which a gradient with respect to g
// consists. E evaluates at n points, L holds the coefficients of the polynomials that interpolate
// there (V^-T, where V evaluates n coefficients). Everything is divided in L, so that E(n, r)
// begins with the rows of E(n - 1, r): smaller tiles use the weights of larger ones. Barabasz et
// al. 2020, "Error analysis and improving the accuracy of Winograd convolution", measure which
// points are the most exact; ours are theirs.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// More points than any form uses whose rounding errors are bearable.
inline constexpr int kMostPoints = 8;

struct SmallMatrix {
    int rows = 0, columns = 0;
    float at[kMostPoints][kMostPoints] = {};
};

/// E(points, coefficients): the values of a polynomial at the first `points` points, of which the
/// first is infinity (the leading coefficient). Matrices are made once and live forever.
const SmallMatrix& evaluation(int64_t points, int64_t coefficients);
/// The transpose of E(points, coefficients).
const SmallMatrix& evaluation_transposed(int64_t points, int64_t coefficients);
/// L(points).
const SmallMatrix& interpolation(int64_t points);

}  // namespace gmc::runtime
