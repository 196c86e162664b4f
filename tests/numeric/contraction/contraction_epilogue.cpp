// The epilogue of a contraction sees every element exactly once, and only when it is final,
// whichever candidate computes.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "runtime/contractions/tiles/packed_matmul.h"
#include "runtime/threads/thread_count.h"
#include "tests/catch.h"
#include "tests/numeric/contraction/contraction_cases.h"

using namespace gmc;
using namespace gmc::runtime;
using namespace gmc::runtime::testing;

namespace {

/// Copies each part at once. `consumes`: as the only one that reads the result.
class Recorder final : public Epilogue {
  public:
    explicit Recorder(const std::vector<float>& result, bool consumes = false)
        : copy(result.size(), -1),
          seen(result.size(), 0),
          result_(result.data()),
          consumes_(consumes) {}

    void begin(const CallContext&) override { ++begun; }
    void follow(int worker, int64_t begin, int64_t end) override {
        record(worker, begin, end, result_ + begin);
    }
    void end() override { ++ended; }
    bool takes_values() const override { return consumes_; }
    void follow_at(int worker, int64_t begin, int64_t end, const float* values) override {
        taken = true;
        record(worker, begin, end, values);
    }

    /// "" when all was right, otherwise what was not.
    std::string wrong(const std::vector<float>& result) const {
        if (begun != 1 || ended != 1) return "not begun and ended once";
        if (unknown_worker) return "a worker that does not exist";
        for (size_t i = 0; i < seen.size(); ++i) {
            if (seen[i] != 1) return fmt::format("element {} seen {} times", i, seen[i]);
            if (copy[i] != result[i]) return fmt::format("element {} was not final", i);
        }
        return "";
    }

    std::vector<float> copy;
    std::vector<int> seen;
    int begun = 0, ended = 0;
    std::atomic<bool> unknown_worker = false, taken = false;

  private:
    void record(int worker, int64_t begin, int64_t end, const float* values) {
        if (worker < 0 || worker >= thread_count()) unknown_worker = true;
        std::copy(values, values + (end - begin), copy.begin() + begin);
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
    }

    const float* result_;
    bool consumes_;
};

/// The number of candidates that take an epilogue; each of them is checked.
template <typename Problem>
int check_followed(std::span<const Candidate<Problem>> candidates, const Problem& problem,
                   std::vector<float>& result) {
    int count = 0;
    Arena arena = empty_arena();
    for (const auto& candidate : candidates) {
        ContractionContext context(arena, nullptr, processor_has_bf16());
        const auto kernel = candidate.make(problem, context);
        if (!kernel) continue;
        std::fill(result.begin(), result.end(), NAN);
        kernel->run({});
        const std::vector<float> alone = result;
        Recorder recorder(result);
        if (!kernel->set_epilogue(&recorder)) continue;
        ++count;
        std::fill(result.begin(), result.end(), NAN);
        kernel->run({});
        INFO(candidate.name);
        CHECK(recorder.wrong(result) == "");
        CHECK(result == alone);
        REQUIRE(kernel->set_epilogue(nullptr));
        kernel->run({});
        CHECK(recorder.begun == 1);
    }
    return count;
}

}  // namespace

TEST_CASE("what follows a matrix product sees each element when it is final") {
    // Rows that do and do not fill tiles and blocks, sums of several blocks, and more or less work
    // than one thread gets.
    const int64_t shapes[][3] = {{32, 784, 400}, {33, 16, 48},  {128, 400, 80}, {9, 2064, 16},
                                 {400, 32, 784}, {61, 7, 16},   {100, 16, 32},  {128, 608, 1},
                                 {3, 4, 1},      {1, 300, 200}, {90, 1, 704},   {9, 16400, 16}};
    for (const auto& [m, k, n] : shapes)
        for (const auto& [transpose_a, transpose_b] :
             {std::pair{false, false}, std::pair{true, false}, std::pair{false, true}}) {
            const std::vector<float> a = random_floats(m * k, 1), b = random_floats(k * n, 2);
            std::vector<float> c(static_cast<size_t>(m * n));
            MatmulProblem problem;
            problem.m = m, problem.k = k, problem.n = n;
            problem.transpose_a = transpose_a, problem.transpose_b = transpose_b;
            problem.a = a.data(), problem.b = b.data(), problem.c = c.data();
            INFO(m << " x " << k << " x " << n << (transpose_a ? " a^T" : "")
                   << (transpose_b ? " b^T" : ""));
            const bool vector = std::min({m, k, n}) == 1;
            const bool tiled = (transpose_b ? k : n) % 16 == 0 && m >= 4;
            const bool packed = n % 16 == 0 && m >= 4;
            CHECK(check_followed(matmul_candidates(), problem, c) ==
                  (vector ? 1 : 0) + (tiled ? 1 : 0) + (packed ? 1 : 0));
        }
}

TEST_CASE("what consumes a large product is given each element, which is not stored") {
    struct Shape {
        int64_t m, k, n;
        bool packs;
    };
    // Rows that fill groups and units or do not; sums of one block, of two and of five; columns
    // that are not whole vectors; then too small a product, and one with too many columns.
    for (const auto& [m, k, n, packs] :
         {Shape{8400, 40, 128, true}, Shape{8401, 9, 128, true}, Shape{2111, 300, 512, true},
          Shape{700, 257, 1536, true}, Shape{65543, 5, 16, true}, Shape{10486, 11, 104, true},
          Shape{1100, 1100, 960, false}, Shape{700, 257, 1488, false},
          Shape{200, 5, 5504, false}}) {
        const std::vector<float> a = random_floats(m * k, 1), b = random_floats(k * n, 2);
        std::vector<float> c(static_cast<size_t>(m * n));
        MatmulProblem problem;
        problem.m = m, problem.k = k, problem.n = n, problem.transpose_a = true;
        problem.a = a.data(), problem.b = b.data(), problem.c = c.data();
        INFO(m << " x " << k << " x " << n);
        if (!can_pack(problem)) continue;  // parts of vectors without AVX-512
        Arena arena = empty_arena();
        ContractionContext context(arena, nullptr, processor_has_bf16());
        make_packed_matmul(problem, context)->run({});
        const std::vector<float> alone = c;
        problem.followed = problem.consumed = true;
        CHECK(packs_for_reader(problem) == packs);
        const auto kernel = make_packed_matmul(problem, context);
        // Without an epilogue, and with one that is not the only reader, the result is stored.
        std::fill(c.begin(), c.end(), NAN);
        kernel->run({});
        CHECK(c == alone);
        Recorder reader(c), consumer(c, true);
        std::fill(c.begin(), c.end(), NAN);
        REQUIRE(kernel->set_epilogue(&reader));
        kernel->run({});
        CHECK(reader.wrong(alone) == "");
        std::fill(c.begin(), c.end(), NAN);
        REQUIRE(kernel->set_epilogue(&consumer));
        kernel->run({});
        CHECK(consumer.wrong(alone) == "");
        CHECK(consumer.taken == packs);
        CHECK(std::isnan(c[0]) == packs);
    }
}

TEST_CASE("what follows a product of many matrices sees each element when it is final") {
    const int64_t shapes[][4] = {{16, 28, 5, 32}, {64, 14, 14, 8}, {3, 100, 40, 50}, {2, 7, 3, 9}};
    for (const auto& [products, m, k, n] : shapes)
        for (const auto& [transpose_a, transpose_b] :
             {std::pair{false, false}, std::pair{true, false}, std::pair{false, true}}) {
            const std::vector<float> a = random_floats(products * m * k, 1),
                                     b = random_floats(products * k * n, 2);
            std::vector<float> c(static_cast<size_t>(products * m * n));
            MatmulProblem problem;
            problem.products = products, problem.m = m, problem.k = k, problem.n = n;
            problem.transpose_a = transpose_a, problem.transpose_b = transpose_b;
            problem.a = a.data(), problem.b = b.data(), problem.c = c.data();
            INFO(products << " times " << m << " x " << k << " x " << n);
            CHECK(check_followed(matmul_candidates(), problem, c) == 1);
        }
}

TEST_CASE("what follows a convolution sees each element when it is final") {
    for (const ConvCase& c :
         {square(13, {5, 4}, 16, 96, 3, 1, 1, 1), square(1, {6, 6}, 32, 16, 3, 2, 1, 1),
          square(40, {14, 14}, 64, 32, 5, 2, 1, 2)})
        for (Direction direction : {Direction::kForward, Direction::kBackwardData}) {
            ConvData data(c);
            INFO(c.text());
            CHECK(check_followed(conv_candidates(direction), problem_of(c, direction, data),
                                 data.result(direction)) >= 1);
        }
}
