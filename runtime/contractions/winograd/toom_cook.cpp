// Computes the matrices of Toom and Cook in double, and keeps them as floats.
#include "runtime/contractions/winograd/toom_cook.h"

#include <array>

namespace gmc::runtime {
namespace {

/// A small matrix in double.
using Matrix = std::array<std::array<double, kMostPoints>, kMostPoints>;

/// The points after infinity, in the order in which forms take them.
constexpr double kFinitePoints[kMostPoints - 1] = {0, 1, -1, 0.5, -2, 2, -0.5};

SmallMatrix in_floats(const Matrix& matrix, int rows, int columns) {
    SmallMatrix result;
    result.rows = rows, result.columns = columns;
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) result.at[i][j] = static_cast<float>(matrix[i][j]);
    return result;
}

Matrix evaluation_matrix(int points, int coefficients) {
    Matrix matrix{};
    matrix[0][coefficients - 1] = 1;
    for (int i = 1; i < points; ++i) {
        double power = 1;
        for (int j = 0; j < coefficients; ++j, power *= kFinitePoints[i - 1]) matrix[i][j] = power;
    }
    return matrix;
}

Matrix transposed(const Matrix& matrix) {
    Matrix result{};
    for (int i = 0; i < kMostPoints; ++i)
        for (int j = 0; j < kMostPoints; ++j) result[j][i] = matrix[i][j];
    return result;
}

/// Row 0, which belongs to infinity, is the product of all (x - point). The others are Lagrange's
/// polynomials: the product of all (x - other point), divided by its value at the row's own point.
Matrix interpolation_matrix(int points) {
    Matrix matrix{};
    for (int row = 0; row < points; ++row) {
        matrix[row][0] = 1;
        int degree = 0;
        for (int other = 1; other < points; ++other) {
            if (other == row) continue;
            const double point = kFinitePoints[other - 1];
            const double divisor = row == 0 ? 1 : kFinitePoints[row - 1] - point;
            ++degree;
            for (int k = degree; k >= 0; --k)
                matrix[row][k] =
                    ((k > 0 ? matrix[row][k - 1] : 0) - point * matrix[row][k]) / divisor;
        }
    }
    return matrix;
}

/// All matrices of up to kMostPoints points, by the number of points and of coefficients.
struct Tables {
    SmallMatrix evaluation[kMostPoints + 1][kMostPoints + 1];
    SmallMatrix evaluation_transposed[kMostPoints + 1][kMostPoints + 1];
    SmallMatrix interpolation[kMostPoints + 1];

    Tables() {
        for (int points = 1; points <= kMostPoints; ++points) {
            interpolation[points] = in_floats(interpolation_matrix(points), points, points);
            for (int n = 1; n <= points; ++n) {
                const Matrix matrix = evaluation_matrix(points, n);
                evaluation[points][n] = in_floats(matrix, points, n);
                evaluation_transposed[points][n] = in_floats(transposed(matrix), n, points);
            }
        }
    }
};

const Tables& tables() {
    static const Tables all;
    return all;
}

}  // namespace

const SmallMatrix& evaluation(int64_t points, int64_t coefficients) {
    return tables().evaluation[points][coefficients];
}
const SmallMatrix& evaluation_transposed(int64_t points, int64_t coefficients) {
    return tables().evaluation_transposed[points][coefficients];
}
const SmallMatrix& interpolation(int64_t points) { return tables().interpolation[points]; }

}  // namespace gmc::runtime
