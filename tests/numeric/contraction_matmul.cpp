// Every candidate of the matrix product against plain sums in double.
#include "tests/catch.h"
#include "tests/numeric/contraction_cases.h"

using namespace gmc;
using namespace gmc::runtime;
using namespace gmc::runtime::testing;

namespace {

void check_product(int64_t m, int64_t k, int64_t n, bool transpose_a, bool transpose_b) {
    const std::vector<float> a = random_floats(m * k, 1), b = random_floats(k * n, 2);
    Truth truth{std::vector<double>(m * n), std::vector<double>(m * n)};
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
            for (int64_t l = 0; l < k; ++l) {
                const double product = double(a[transpose_a ? l * m + i : i * k + l]) *
                                       b[transpose_b ? j * k + l : l * n + j];
                truth.value[i * n + j] += product, truth.magnitude[i * n + j] += std::abs(product);
            }
    Arena arena = empty_arena();
    for (const auto& candidate : matmul_candidates()) {
        std::vector<float> c(static_cast<size_t>(m * n), NAN);
        ContractionContext context(arena);
        const MatmulProblem problem{{},          m,        k,        n,        transpose_a,
                                    transpose_b, a.data(), b.data(), c.data(), ""};
        const auto kernel = candidate.make_named(problem, context);
        if (!kernel) continue;
        kernel->run({});
        INFO(candidate.name << ": " << m << " x " << k << " x " << n << (transpose_a ? " a^T" : "")
                            << (transpose_b ? " b^T" : ""));
        CHECK(worst_error(truth, c.data()) < 2e-6);
    }
}

}  // namespace

TEST_CASE("matrix products") {
    const int64_t shapes[][3] = {{1, 1, 1},    {4, 100, 256}, {4, 784, 40}, {5, 17, 3},
                                 {16, 16, 16}, {128, 50, 1},  {50, 128, 1}, {128, 1, 50},
                                 {1, 64, 33},  {33, 2, 1},    {3, 700, 5},  {65, 66, 67},
                                 {7, 1, 1},    {1, 9, 1}};
    for (const auto& [m, k, n] : shapes)
        for (bool transpose_a : {false, true})
            for (bool transpose_b : {false, true}) check_product(m, k, n, transpose_a, transpose_b);
}
