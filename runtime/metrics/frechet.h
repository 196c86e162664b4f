// The Frechet distance between Gaussians fitted to two sets of features: how far the distribution
// of samples is from that of data (Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update
// Rule"; there the features are those of an Inception network, here those of the user's own
// classifier).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gmc::runtime {

/// The Gaussian fitted to rows of features. All in double.
struct GaussianFit {
    int64_t count = 0;               ///< rows it was fitted to
    std::vector<double> mean;        ///< [F]
    std::vector<double> covariance;  ///< [F, F], divided by count - 1 as NumPy's cov
    int64_t size() const { return static_cast<int64_t>(mean.size()); }
};

/// Fits to `rows` of `size` features each, row-major; at least two rows.
GaussianFit fit_gaussian(std::span<const float> rows, int64_t size);

/// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), which is 0 for equal Gaussians and never below.
/// The trace of the root is that of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2), so covariances may
/// be singular: features that never fire have variance 0, and few rows span few directions.
double frechet_distance(const GaussianFit& a, const GaussianFit& b);

}  // namespace gmc::runtime
