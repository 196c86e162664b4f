// Fits Gaussians to features, and calculates the Frechet distance of two: moments in double, and
// roots of matrices by Eigen's symmetric eigen-decomposition.
#include "runtime/metrics/frechet.h"

#include <Eigen/Eigenvalues>
#include <algorithm>

#include "compiler/support/check.h"

namespace gmc::runtime {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

/// Eigen stores matrices by columns; that does not matter, as covariances are symmetric.
Matrix covariance_of(const GaussianFit& fit) {
    return Eigen::Map<const Matrix>(fit.covariance.data(), fit.size(), fit.size());
}

/// The one place of a product: each form of operands would compile Eigen's kernels once more.
Matrix product(const Matrix& a, const Matrix& b) {
    Matrix out(a.rows(), b.cols());
    out.noalias() = a * b;
    return out;
}

/// The root of a symmetric matrix whose eigenvalues are not negative. Rounding can make them
/// negative; those count as 0.
Matrix symmetric_root(const Matrix& matrix) {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(matrix);
    const Vector roots = solver.eigenvalues().cwiseMax(0.0).cwiseSqrt();
    return product(solver.eigenvectors() * roots.asDiagonal(), solver.eigenvectors().transpose());
}

}  // namespace

GaussianFit fit_gaussian(std::span<const float> rows, int64_t size) {
    const auto count = static_cast<int64_t>(rows.size()) / size;
    GMC_CHECK(count > 1 && count * size == static_cast<int64_t>(rows.size()),
              "a Gaussian of {} floats in rows of {}", rows.size(), size);
    using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Map<const FloatRows> features(rows.data(), count, size);
    Vector mean = Vector::Zero(size);
    for (int64_t i = 0; i < count; ++i) mean += features.row(i).cast<double>().transpose();
    mean /= static_cast<double>(count);
    // In blocks, so that not all rows are held as doubles at once.
    constexpr int64_t kBlock = 1024;
    Matrix scatter = Matrix::Zero(size, size);
    for (int64_t first = 0; first < count; first += kBlock) {
        const int64_t length = std::min(kBlock, count - first);
        const Matrix centred =
            features.middleRows(first, length).cast<double>().rowwise() - mean.transpose();
        scatter += product(centred.transpose(), centred);
    }
    scatter /= static_cast<double>(count - 1);
    return {
        count, {mean.data(), mean.data() + size}, {scatter.data(), scatter.data() + size * size}};
}

double frechet_distance(const GaussianFit& a, const GaussianFit& b) {
    GMC_CHECK(a.size() == b.size(), "Gaussians of {} and {} features", a.size(), b.size());
    const Eigen::Map<const Vector> mean_a(a.mean.data(), a.size()), mean_b(b.mean.data(), b.size());
    const Matrix c1 = covariance_of(a), c2 = covariance_of(b);
    const Matrix root = symmetric_root(c1);
    const Matrix product_of_roots = product(product(root, c2), root);
    // Rounding makes the product slightly unsymmetric, and the solver reads one half only.
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(
        (product_of_roots + product_of_roots.transpose()) / 2, Eigen::EigenvaluesOnly);
    const double trace_of_root = solver.eigenvalues().cwiseMax(0.0).cwiseSqrt().sum();
    const double distance =
        (mean_a - mean_b).squaredNorm() + c1.trace() + c2.trace() - 2 * trace_of_root;
    return std::max(distance, 0.0);
}

}  // namespace gmc::runtime
