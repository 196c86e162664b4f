// Choosing candidates by measuring: the fastest one that is right is chosen and remembered.
#include <chrono>
#include <set>
#include <thread>

#include "runtime/contractions/choice/candidates.h"
#include "runtime/contractions/choice/tuning.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/contractions/plain_contraction.h"
#include "tests/catch.h"

using namespace gmc;           // NOLINT: tests
using namespace gmc::runtime;  // NOLINT

namespace {

bool always(const MatmulProblem&) { return true; }
bool never(const MatmulProblem&) { return false; }

/// Fast and wrong: does not write c.
std::unique_ptr<Kernel> make_wrong(const MatmulProblem&, ContractionContext&) {
    struct Wrong final : Kernel {
        void run(const CallContext&) override {}
    };
    return std::make_unique<Wrong>();
}

/// Right, and slower than all others.
std::unique_ptr<Kernel> make_slow(const MatmulProblem& problem, ContractionContext& context) {
    struct Slow final : Kernel {
        explicit Slow(std::unique_ptr<Kernel> k) : kernel(std::move(k)) {}
        void run(const CallContext& call) override {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            kernel->run(call);
        }
        std::unique_ptr<Kernel> kernel;
    };
    return std::make_unique<Slow>(make_plain_matmul(problem, context));
}

/// Takes longer with each run, as beside another program.
std::unique_ptr<Kernel> make_disturbed(const MatmulProblem& problem, ContractionContext& context) {
    struct Disturbed final : Kernel {
        explicit Disturbed(std::unique_ptr<Kernel> k) : kernel(std::move(k)) {}
        void run(const CallContext& call) override {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 << runs++));
            kernel->run(call);
        }
        std::unique_ptr<Kernel> kernel;
        int runs = 0;
    };
    return std::make_unique<Disturbed>(make_plain_matmul(problem, context));
}

/// Right but for a part in a hundred thousand, which is some hundred roundings.
std::unique_ptr<Kernel> make_rough(const MatmulProblem& problem, ContractionContext& context) {
    struct Rough final : Kernel {
        Rough(const MatmulProblem& p, std::unique_ptr<Kernel> k)
            : problem(p), kernel(std::move(k)) {}
        void run(const CallContext& call) override {
            kernel->run(call);
            for (int64_t i = 0; i < problem.m * problem.n; ++i) problem.c[i] *= 1.00001F;
        }
        MatmulProblem problem;
        std::unique_ptr<Kernel> kernel;
    };
    return std::make_unique<Rough>(problem, make_plain_matmul(problem, context));
}

std::unique_ptr<Kernel> make_none(const MatmulProblem&, ContractionContext&) { return nullptr; }

/// A small matrix product, and what choosing a kernel for it needs: an empty arena, and a cache
/// that is not kept in a file.
struct Setting {
    ir::Module nothing;
    Arena arena{nothing};
    ContractionContext context{arena, nullptr, processor_has_bf16()};
    TuningCache cache{"", "a machine"};
    std::vector<float> a, b, c;
    MatmulProblem problem;

    Setting() : a(64 * 32, 0.5F), b(32 * 16, 2), c(64 * 16, -1) {
        problem.m = 64, problem.k = 32, problem.n = 16;
        problem.a = a.data(), problem.b = b.data(), problem.c = c.data();
        problem.where = "test";
    }
    /// The name of the choice; "" when there was nothing to choose.
    std::string choice(std::span<const Candidate<MatmulProblem>> candidates) {
        const auto kernel = make_fastest(candidates, problem, context, cache);
        const TuningEntry* entry = cache.find(tuning_key(problem));
        if (kernel) kernel->run({});
        return kernel && entry ? entry->choice : "";
    }
};

}  // namespace

TEST_CASE("the fastest candidate is taken, but never one that is wrong") {
    constexpr Candidate<MatmulProblem> kAll[] = {{"slow", always, make_slow},
                                                 {"wrong", never, make_wrong},
                                                 {"none", always, make_none},
                                                 {"right", never, make_plain_matmul}};
    Setting s;
    CHECK(s.choice(kAll) == "right");
    CHECK(s.c[5] == 32);  // 32 products of 0.5 and 2: the kernel works on the problem's own memory
    CHECK(s.cache.measured() == 1);
    CHECK(s.cache.find(tuning_key(s.problem))->microseconds.size() == 3);
    CHECK(s.choice(kAll) == "right");
    CHECK(s.cache.measured() == 1);  // remembered
}

TEST_CASE("a form with fewer products is taken only when it rounds little more than direct sums") {
    constexpr Candidate<MatmulProblem> kAll[] = {{"slow", always, make_slow},
                                                 {"rough", never, make_rough, false, true}};
    Setting s;
    CHECK(s.choice(kAll) == "slow");
    const TuningEntry* entry = s.cache.find(tuning_key(s.problem));
    CHECK(entry->errors.at("slow") > 0.3);
    CHECK(entry->errors.at("slow") < 3);
    CHECK(entry->errors.at("rough") > 20);
    constexpr Candidate<MatmulProblem> kExact[] = {{"slow", always, make_slow},
                                                   {"form", never, make_plain_matmul, false, true}};
    Setting other;
    CHECK(other.choice(kExact) == "form");
    Setting fast_math;
    fast_math.cache.accept_any_error();
    CHECK(fast_math.choice(kAll) == "rough");
}

TEST_CASE("a choice is doubtful when the fastest candidates took no time twice") {
    constexpr Candidate<MatmulProblem> kDisturbed[] = {{"one", always, make_disturbed},
                                                       {"other", never, make_disturbed}};
    Setting s;
    CHECK_FALSE(s.choice(kDisturbed).empty());
    const TuningEntry* entry = s.cache.find(tuning_key(s.problem));
    CHECK(entry->doubtful);
    CHECK(entry->measurements == 1);
}

TEST_CASE("measuring leaves the problem's memory alone") {
    constexpr Candidate<MatmulProblem> kBoth[] = {{"slow", always, make_slow},
                                                  {"right", never, make_plain_matmul}};
    Setting s;
    REQUIRE(make_fastest(kBoth, s.problem, s.context, s.cache) != nullptr);
    for (const float x : s.c) REQUIRE(x == -1);
}

TEST_CASE("an only candidate is remembered, too; a remembered one that is gone is measured again") {
    constexpr Candidate<MatmulProblem> kOne[] = {{"none", always, make_none},
                                                 {"slow", always, make_slow}};
    constexpr Candidate<MatmulProblem> kTwo[] = {{"slow", always, make_slow},
                                                 {"right", never, make_plain_matmul}};
    Setting s;
    CHECK(s.choice(kOne) == "slow");
    CHECK(s.cache.measured() == 1);
    CHECK_FALSE(s.cache.find(tuning_key(s.problem))->doubtful);
    s.cache.record(tuning_key(s.problem), {"of an older gmc", {}});
    CHECK(s.choice(kTwo) == "right");
}

TEST_CASE("convolutions of all directions are measured, told apart by all that matters") {
    ConvProblem p;
    p.window.strides = {2, 2}, p.window.dilations = {1, 1};
    p.window.pads_begin = {1, 1}, p.window.pads_end = {1, 1};
    p.x = {4, 8, 8, 16}, p.weights = {4, 4, 16, 32}, p.y = {4, 4, 4, 32};
    std::vector<float> x(4 * 8 * 8 * 16, 1), w(4 * 4 * 16 * 32, 1), y(4 * 4 * 4 * 32, 1);
    p.x_data = x.data(), p.weights_data = w.data(), p.y_data = y.data();
    p.where = "test";
    ir::Module nothing;
    Arena arena(nothing);
    ContractionContext context(arena, nullptr, processor_has_bf16());
    TuningCache cache("", "a machine");
    using Direction = ConvProblem::Direction;
    std::set<std::string> keys;
    for (const Direction direction :
         {Direction::kForward, Direction::kBackwardData, Direction::kBackwardWeights}) {
        p.direction = direction;
        const auto kernel = make_fastest(conv_candidates(direction), p, context, cache);
        REQUIRE(kernel != nullptr);
        kernel->run({});
        keys.insert(tuning_key(p));
    }
    p.window.groups = 2;
    keys.insert(tuning_key(p));
    p.window.dilations = {2, 1};
    keys.insert(tuning_key(p));
    CHECK(keys.size() == 5);
    CHECK(cache.measured() == 3);
}
