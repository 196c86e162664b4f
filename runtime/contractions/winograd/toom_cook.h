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
// smaller tile can use the transformed weights of a larger one. The points are an order in which
// forms of four, five and six points all round little. Those that are best for six (Barabasz et al.
// 2020, "Error analysis and improving the accuracy of Winograd convolution"), 0, 1, -1, 1/2, -2,
// leave five with errors that are half as large again.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// The most points of a form. With more, rounding errors become too large to be of use in f32.
inline constexpr int kMostPoints = 6;

struct SmallMatrix {
    int rows = 0, columns = 0;
    /// Which of the matrices it is, 0 to kSmallMatrices - 1: the transforms have code for each.
    int number = 0;
    float at[kMostPoints][kMostPoints] = {};
};

/// What a matrix is for; see the functions at the end.
enum class SmallMatrixKind { kEvaluation, kEvaluationTransposed, kInterpolation };

inline constexpr int kSmallMatrices = 3 * kMostPoints * kMostPoints;

/// Computes matrix number `number`, whose digits are its kind, its points and its coefficients.
/// There are no more coefficients than points, and as many for interpolation; other numbers have an
/// empty matrix.
constexpr SmallMatrix make_small_matrix(int number) {
    /// The points after infinity, in the order in which forms take them.
    constexpr double kFinitePoints[kMostPoints - 1] = {0, 1, -0.75, -2, 0.5};
    SmallMatrix matrix;
    matrix.number = number;
    const auto kind = static_cast<SmallMatrixKind>(number / (kMostPoints * kMostPoints));
    const int points = number / kMostPoints % kMostPoints + 1,
              coefficients = number % kMostPoints + 1;
    const bool evaluates = kind != SmallMatrixKind::kInterpolation;
    if (evaluates ? coefficients > points : coefficients != points) return matrix;
    if (evaluates) {
        const bool transposed = kind == SmallMatrixKind::kEvaluationTransposed;
        matrix.rows = transposed ? coefficients : points;
        matrix.columns = transposed ? points : coefficients;
        for (int i = 0; i < points; ++i) {
            double power = 1;
            for (int j = 0; j < coefficients; ++j) {
                const double value = i > 0 ? power : j + 1 == coefficients ? 1 : 0;
                (transposed ? matrix.at[j][i] : matrix.at[i][j]) = static_cast<float>(value);
                power *= i > 0 ? kFinitePoints[i - 1] : 1;
            }
        }
        return matrix;
    }
    // Row 0, which belongs to infinity, is the product of all (x - point). The others are
    // Lagrange's polynomials: the product of all (x - other point), divided by its value at the
    // row's own point.
    matrix.rows = matrix.columns = points;
    for (int row = 0; row < points; ++row) {
        double polynomial[kMostPoints] = {1};
        int degree = 0;
        for (int other = 1; other < points; ++other) {
            if (other == row) continue;
            const double point = kFinitePoints[other - 1];
            const double divisor = row == 0 ? 1 : kFinitePoints[row - 1] - point;
            ++degree;
            for (int k = degree; k >= 0; --k)
                polynomial[k] = ((k > 0 ? polynomial[k - 1] : 0) - point * polynomial[k]) / divisor;
        }
        for (int k = 0; k < points; ++k) matrix.at[row][k] = static_cast<float>(polynomial[k]);
    }
    return matrix;
}

/// E(points, coefficients): the values of a polynomial at the first `points` points, of which the
/// first is infinity (the leading coefficient). Matrices live forever.
const SmallMatrix& evaluation(int64_t points, int64_t coefficients);
/// The transpose of E(points, coefficients), stored so that kernels read it row by row.
const SmallMatrix& evaluation_transposed(int64_t points, int64_t coefficients);
/// L(points): from `points` inputs to what is multiplied with the transformed taps.
const SmallMatrix& interpolation(int64_t points);

}  // namespace gmc::runtime
