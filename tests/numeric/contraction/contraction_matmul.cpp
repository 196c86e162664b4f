// Every candidate of the matrix product against plain sums in double.
#include "tests/catch.h"
#include "tests/numeric/contraction/contraction_cases.h"

using namespace gmc;
using namespace gmc::runtime;
using namespace gmc::runtime::testing;

namespace {

void check_product(const ProductCase& p) {
    const std::vector<float> a = random_floats(p.m * p.k, 1), b = random_floats(p.k * p.n, 2);
    const Truth truth = true_result(p, a, b);
    Arena arena = empty_arena();
    for (const auto& candidate : matmul_candidates()) {
        std::vector<float> c(truth.value.size(), NAN);
        ContractionContext context(arena, nullptr, processor_has_bf16());
        const MatmulProblem problem{{},       p.m,      p.k,      p.n, p.transpose_a, p.transpose_b,
                                    a.data(), b.data(), c.data(), ""};
        const auto kernel = candidate.make_named(problem, context);
        if (!kernel) continue;
        kernel->run({});
        INFO(candidate.name << ": " << p.text());
        CHECK(worst_error(truth, c.data()) < 2e-6);
    }
}

}  // namespace

TEST_CASE("matrix products") { for_each_product_case(check_product); }
