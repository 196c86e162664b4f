// Finds the matrices of Toom and Cook, all of which are computed when this file is compiled.
#include "runtime/contractions/winograd/toom_cook.h"

#include <array>

namespace gmc::runtime {
namespace {

constexpr std::array<SmallMatrix, kSmallMatrices> make_all() {
    std::array<SmallMatrix, kSmallMatrices> all;
    for (int number = 0; number < kSmallMatrices; ++number) all[number] = make_small_matrix(number);
    return all;
}

const SmallMatrix& find(SmallMatrixKind kind, int64_t points, int64_t coefficients) {
    static constexpr std::array<SmallMatrix, kSmallMatrices> kAll = make_all();
    const int64_t number =
        (static_cast<int64_t>(kind) * kMostPoints + points - 1) * kMostPoints + coefficients - 1;
    return kAll[static_cast<size_t>(number)];
}

}  // namespace

const SmallMatrix& evaluation(int64_t points, int64_t coefficients) {
    return find(SmallMatrixKind::kEvaluation, points, coefficients);
}
const SmallMatrix& evaluation_transposed(int64_t points, int64_t coefficients) {
    return find(SmallMatrixKind::kEvaluationTransposed, points, coefficients);
}
const SmallMatrix& interpolation(int64_t points) {
    return find(SmallMatrixKind::kInterpolation, points, points);
}

}  // namespace gmc::runtime
