// Every candidate of the matrix product against plain sums in double.
#include <algorithm>

#include "runtime/threads/thread_count.h"
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

/// Several products, each with numbers of its own.
void check_products(const ProductCase& p, int64_t products) {
    const std::vector<float> a = random_floats(products * p.m * p.k, 1),
                             b = random_floats(products * p.k * p.n, 2);
    Truth truth;
    for (int64_t i = 0; i < products; ++i) {
        const Truth one =
            true_result(p, {a.begin() + i * p.m * p.k, a.begin() + (i + 1) * p.m * p.k},
                        {b.begin() + i * p.k * p.n, b.begin() + (i + 1) * p.k * p.n});
        truth.value.insert(truth.value.end(), one.value.begin(), one.value.end());
        truth.magnitude.insert(truth.magnitude.end(), one.magnitude.begin(), one.magnitude.end());
    }
    Arena arena = empty_arena();
    size_t tried = 0;
    for (const auto& candidate : matmul_candidates()) {
        std::vector<float> c(truth.value.size(), NAN);
        ContractionContext context(arena, nullptr, processor_has_bf16());
        const MatmulProblem problem{{},       p.m,      p.k,      p.n, p.transpose_a, p.transpose_b,
                                    a.data(), b.data(), c.data(), "",  products};
        const auto kernel = candidate.make_named(problem, context);
        if (!kernel) continue;
        ++tried;
        spoil_scratch(arena);
        kernel->run({});
        INFO(candidate.name << ": " << products << " of " << p.text());
        CHECK(worst_error(truth, c.data()) < 2e-6);
    }
    CHECK(tried >= 3);
}

/// What a pass of a scan sees: other rows in each pass, the same b in all passes of a call.
void check_passes(const ProductCase& p) {
    Arena arena = empty_arena();
    for (const auto& candidate : matmul_candidates()) {
        std::vector<float> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
        ContractionContext context(arena, nullptr, processor_has_bf16());
        context.keep_for_call(7);
        MatmulProblem problem{{},       p.m,      p.k,      p.n, p.transpose_a, p.transpose_b,
                              a.data(), b.data(), c.data(), ""};
        problem.kept_b = 7;
        const auto kernel = candidate.make_named(problem, context);
        if (!kernel) continue;
        for (int pass = 0; pass < 6; ++pass) {
            // The kernel has the addresses of both, so they are filled where they are.
            if (pass % 3 == 0) {
                context.begin_call();
                std::ranges::copy(random_floats(p.k * p.n, 20 + pass), b.begin());
            } else {
                context.begin_pass();
            }
            std::ranges::copy(random_floats(p.m * p.k, 10 + pass), a.begin());
            std::fill(c.begin(), c.end(), NAN);
            spoil_scratch(arena);
            kernel->run({});
            INFO(candidate.name << ", pass " << pass << ": " << p.text());
            CHECK(worst_error(true_result(p, a, b), c.data()) < 2e-6);
        }
    }
}

}  // namespace

TEST_CASE("matrix products") { for_each_product_case(check_product); }

TEST_CASE("matrix products of long sums, with any number of threads") {
    const int usual = thread_count();
    constexpr int64_t kShapes[][3] = {{33, 17001, 80}, {4, 16384, 144}, {13, 16383, 16}};
    for (const auto& [m, k, n] : kShapes)
        for (bool transpose_b : {false, true}) {
            const ProductCase p{m, k, n, false, transpose_b};
            check_product(p);
            const std::vector<float> a = random_floats(m * k, 1), b = random_floats(k * n, 2);
            for (const auto& candidate : matmul_candidates()) {
                std::vector<float> first;
                for (const int threads : {1, 2, 3, 8}) {
                    set_thread_count(threads);
                    Arena arena = empty_arena();
                    ContractionContext context(arena, nullptr, processor_has_bf16());
                    std::vector<float> c(static_cast<size_t>(m * n), NAN);
                    const MatmulProblem problem{{},          m,        k,        n,        false,
                                                transpose_b, a.data(), b.data(), c.data(), ""};
                    const auto kernel = candidate.make_named(problem, context);
                    if (!kernel) break;
                    kernel->run({});
                    if (first.empty()) first = c;
                    INFO(candidate.name << " with " << threads << " threads: " << p.text());
                    CHECK(c == first);
                }
            }
        }
    set_thread_count(usual);
}

TEST_CASE("matrix products in the passes of a scan, with weights that are kept") {
    // Kept panels that one thread's cache holds, and such as it does not; sums in several blocks.
    constexpr int64_t kShapes[][3] = {{64, 48, 144},   {37, 100, 64}, {70, 1100, 48},
                                      {20, 2100, 160}, {5, 16, 17},   {20, 600, 512},
                                      {1, 30, 250}};
    for (const auto& [m, k, n] : kShapes)
        for (bool transpose_a : {false, true})
            for (bool transpose_b : {false, true})
                check_passes({m, k, n, transpose_a, transpose_b});
}

TEST_CASE("several matrix products at once") {
    constexpr int64_t kShapes[][3] = {{5, 17, 3},   {16, 8, 16}, {37, 8, 37},
                                      {65, 66, 67}, {7, 1, 1},   {196, 8, 196}};
    for (const auto& [m, k, n] : kShapes)
        for (bool transpose_a : {false, true})
            for (bool transpose_b : {false, true})
                for (const int64_t products : {2, 3, 17})
                    check_products({m, k, n, transpose_a, transpose_b}, products);
}
