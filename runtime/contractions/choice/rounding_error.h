// Measures how exact a candidate's result is. Some elements of the result are computed again, in
// double and as direct sums (in f32, one product after another). A candidate's error is given as a
// multiple of the error of the direct sums.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// A form with fewer products is a candidate only when its errors are at most this many times those
/// of direct sums, unless --fast-math asks for it.
inline constexpr double kMostError = 4;

/// The errors of the sampled elements.
struct RoundingError {
    double rms = 0, largest = 0;
};

/// The right values of some elements of a problem's result, and the errors of direct sums.
class SampledSums {
  public:
    /// Reads the operands at the problem's addresses.
    explicit SampledSums(const ConvProblem& problem);
    explicit SampledSums(const MatmulProblem& problem);

    /// How many times as large as those of direct sums the errors of `result` are: the larger of
    /// the ratios of the root mean square and of the largest error. `result` has all elements.
    double error_of(const std::vector<float>& result) const;

  private:
    template <typename ProductsOf>
    void add_up(int64_t elements, int64_t products, ir::DType type, const ProductsOf& products_of);
    template <typename At>
    RoundingError errors(const At& at) const;

    std::vector<int64_t> elements_;
    std::vector<double> right_;
    std::vector<float> direct_;
};

}  // namespace gmc::runtime
