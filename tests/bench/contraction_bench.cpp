// Times the candidates of convolutions and matrix products beside each other, in turns in one
// process, and measures the rounding errors of convolutions.
// Usage: contraction_bench [--isa avx2] [--rounds N] [--only NAME,...] [--directions fdw] [CASE...]
// A CASE is the convolution whose three directions are timed, in nine numbers: its batch, height,
// width, channels, filters, kernel, stride, padding before and after, such as
// 128,14,14,128,256,5,2,1,2; or a product of matrices [m,k] and [k,n] in three numbers m,k,n,
// with an a or b behind them where that operand is transposed: 2048,256,1024b. Without one, the
// convolutions of seed_gan and of a DCGAN of 64 x 64 are timed.
// With a c behind the numbers of a product, an update of as many weights takes the result, as in
// training: by Adam, which reads and writes three numbers for each.
//   ms      processor time of one thread, the median of the rounds; its ratio to the tiled kernel's
//   error   of a result for one example against sums in double, relative to that of plain loops in
//           f32: root mean square, and largest
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "runtime/contractions/choice/candidates.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/choice/workshop.h"
#include "runtime/contractions/plain_contraction.h"
#include "runtime/kernels/simd_targets.h"
#include "runtime/memory/memory_block.h"
#include "runtime/threads/thread_count.h"
#include "tests/numeric/contraction/contraction_cases.h"
// After simd_targets.h, which says which targets are compiled.
#include <hwy/highway.h>

using namespace gmc;                    // NOLINT: a small program
using namespace gmc::runtime;           // NOLINT
using namespace gmc::runtime::testing;  // NOLINT

namespace {

/// Processor time of this thread: other programs lengthen it only by what they do to the caches.
double processor_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

int rounds = 15;
std::string only;
/// The first letters of directions: forward, data, weights.
std::string directions = "fdw";

struct Errors {
    double rms = 0, largest = 0;
};

Errors errors_of(const Truth& truth, const std::vector<float>& got) {
    Errors e;
    for (size_t i = 0; i < got.size(); ++i) {
        const double error = std::fabs(got[i] - truth.value[i]);
        e.rms += error * error, e.largest = std::max(e.largest, error);
    }
    e.rms = std::sqrt(e.rms / static_cast<double>(got.size()));
    return e;
}

std::vector<float> result_with(const Candidate<ConvProblem>& candidate, const ConvCase& c,
                               Direction direction, const ConvData& inputs) {
    ConvData data = inputs;
    Workshop workshop(false);
    const auto kernel = candidate.make_named(problem_of(c, direction, data), workshop.context);
    if (!kernel) return {};
    workshop.context.begin_call();
    kernel->run({});
    return data.result(direction);
}

/// Stands for an optimizer that is the only reader of a gradient.
class Update final : public Epilogue {
  public:
    Update(const float* gradient, int64_t count)
        : gradient_(gradient), count_(count), states_(12 * (count + kApart)) {
        states_.touch(states_.bytes());
    }

    void begin(const CallContext&) override {}
    void follow(int worker, int64_t begin, int64_t end) override {
        follow_at(worker, begin, end, gradient_ + begin);
    }
    void end() override {}
    bool takes_values() const override { return true; }
    [[gnu::target("avx2,fma")]] void follow_at(int, int64_t begin, int64_t end,
                                               const float* values) override {
        using Eight [[gnu::vector_size(32), gnu::aligned(4)]] = float;
        const auto at = [](const float* from) {
            return reinterpret_cast<Eight*>(const_cast<float*>(from));
        };
        float *m = states_.floats(), *v = m + count_ + kApart, *weight = v + count_ + kApart;
        for (int64_t i = begin; i + 8 <= end; i += 8) {
            const Eight g = *at(values + i - begin);
            const Eight first = *at(m + i) + 0.1F * (g - *at(m + i)),
                        second = *at(v + i) + 0.001F * (g * g - *at(v + i));
            *at(m + i) = first, *at(v + i) = second;
            *at(weight + i) -= 1e-3F * first * second;
        }
    }
    void run() { follow(0, 0, count_); }

  private:
    /// So that the three do not lie at the same place of three pages.
    static constexpr int64_t kApart = 272;
    const float* gradient_;
    int64_t count_;
    MemoryBlock states_;
};

template <typename Problem>
struct Timed {
    const Candidate<Problem>* candidate;
    std::unique_ptr<Workshop> workshop;
    std::unique_ptr<Kernel> kernel;
    Update* after;  ///< what the kernel does not run itself
    std::vector<double> ms;
    double median() {
        std::sort(ms.begin(), ms.end());
        return ms[ms.size() / 2];
    }
};

/// Runs all candidates that can do the problem in turns.
template <typename Problem>
std::vector<Timed<Problem>> time_candidates(std::span<const Candidate<Problem>> all,
                                            const Problem& problem, Update* update = nullptr) {
    std::vector<Timed<Problem>> timed;
    for (const auto& candidate : all) {
        if (candidate.name == "plain" || candidate.name == "widened") continue;
        if (!only.empty() && only.find(candidate.name) == std::string::npos) continue;
        auto workshop = std::make_unique<Workshop>(false);
        auto kernel = candidate.make_named(problem, workshop->context);
        if (!kernel) continue;
        Update* const after = kernel->set_epilogue(update) ? nullptr : update;
        timed.push_back({&candidate, std::move(workshop), std::move(kernel), after, {}});
    }
    for (int round = -1; round < rounds; ++round)
        for (auto& each : timed) {
            each.workshop->context.begin_call();
            const double begin = processor_ms();
            each.kernel->run({});
            if (each.after != nullptr) each.after->run();
            if (round >= 0) each.ms.push_back(processor_ms() - begin);
        }
    return timed;
}

void bench(const MatmulProblem& problem) {
    const Operands operands(problem);
    std::optional<Update> update;
    if (problem.consumed) update.emplace(operands.of(problem).c, problem.c_elements());
    auto timed =
        time_candidates(matmul_candidates(), operands.of(problem), update ? &*update : nullptr);
    fmt::print("[{},{}] [{},{}]{}{}\n", problem.m, problem.k, problem.k, problem.n,
               problem.transpose_a   ? ", the first transposed"
               : problem.transpose_b ? ", the second transposed"
                                     : "",
               problem.consumed ? ", then an update" : "");
    const double products = static_cast<double>(problem.m * problem.k * problem.n);
    for (auto& each : timed)
        fmt::print("  {:14} {:9.3f} ms {:8.1f} GFLOP/s\n", each.candidate->name, each.median(),
                   2e-6 * products / each.median());
    std::fflush(stdout);
}

/// Copies of the operands where a step has them: in huge pages, at multiples of cache lines.
MemoryBlock with_own_memory(ConvProblem& problem) {
    constexpr int64_t kLine = 64;
    const std::pair<const ir::Shape*, float**> parts[] = {{&problem.x, &problem.x_data},
                                                          {&problem.weights, &problem.weights_data},
                                                          {&problem.y, &problem.y_data}};
    int64_t bytes = 0;
    for (const auto& [shape, data] : parts) bytes += align_up(4 * elements(*shape), kLine);
    MemoryBlock memory(bytes);
    memory.touch(bytes);
    float* at = memory.floats();
    for (const auto& [shape, data] : parts) {
        std::copy_n(*data, elements(*shape), at);
        *data = at;
        at += align_up(4 * elements(*shape), kLine) / 4;
    }
    return memory;
}

void bench(const ConvCase& c, Direction direction) {
    constexpr const char* kNames[] = {"forward", "backward data", "backward weights"};
    ConvCase one = c;
    one.batch = direction == Direction::kBackwardWeights ? std::min<int64_t>(c.batch, 8) : 1;
    const ConvData few(one);
    const Truth truth = true_result(one, direction, few);
    const auto all = conv_candidates(direction);
    const Errors direct = errors_of(truth, result_with(all.back(), one, direction, few));

    ConvData data(c);
    ConvProblem problem = problem_of(c, direction, data);
    const MemoryBlock memory = with_own_memory(problem);
    auto timed = time_candidates(all, problem);
    fmt::print("{}: {}\n", kNames[static_cast<int>(direction)], c.text());
    double macs = static_cast<double>(elements(c.y())) * c.channels;
    for (const int64_t k : c.kernel) macs *= static_cast<double>(k);
    double tiled = 0;
    for (auto& each : timed)
        if (each.candidate->name == "tiled") tiled = each.median();
    for (auto& each : timed) {
        const Errors e = errors_of(truth, result_with(*each.candidate, one, direction, few));
        fmt::print("  {:14} {:9.3f} ms {:6.3f} {:8.1f} GFLOP/s   error {:6.2f} {:6.2f}\n",
                   each.candidate->name, each.median(), each.median() / tiled,
                   2e-6 * macs / each.median(), e.rms / direct.rms, e.largest / direct.largest);
    }
    std::fflush(stdout);
}

/// A product, where the text has three numbers; else a convolution.
std::variant<ConvCase, MatmulProblem> parse(const std::string& text) {
    std::vector<int64_t> n;
    for (size_t at = 0; at < text.size(); at = std::min(text.find(',', at), text.size()) + 1)
        n.push_back(std::atoll(text.c_str() + at));
    if (n.size() == 3) {
        MatmulProblem problem;
        problem.m = n[0], problem.k = n[1], problem.n = n[2];
        problem.transpose_a = text.find('a') != std::string::npos;
        problem.transpose_b = text.find('b') != std::string::npos;
        problem.followed = problem.consumed = text.find('c') != std::string::npos;
        return problem;
    }
    if (n.size() != 9) {
        fmt::print(stderr, "a case has nine numbers or three, not {}: {}\n", n.size(), text);
        std::exit(2);
    }
    return square(n[0], {n[1], n[2]}, n[3], n[4], n[5], n[6], n[7], n[8]);
}

void restrict_to(const std::string& isa) {
    if (isa != "avx2") {
        fmt::print(stderr, "--isa takes avx2, not {}\n", isa);
        std::exit(2);
    }
    if (!restrict_to_avx2()) {
        fmt::print(stderr, "this processor has no AVX2\n");
        std::exit(3);
    }
}

}  // namespace

int main(int count, char** words) {
    set_thread_count(1);
    std::vector<std::variant<ConvCase, MatmulProblem>> cases;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--isa" && i + 1 < count) {
            restrict_to(words[++i]);
        } else if (word == "--rounds" && i + 1 < count) {
            rounds = std::atoi(words[++i]);
        } else if (word == "--directions" && i + 1 < count) {
            directions = words[++i];
        } else if (word == "--only" && i + 1 < count) {
            only = words[++i];
        } else {
            cases.push_back(parse(word));
        }
    }
    if (cases.empty())
        cases = {
            square(128, {14, 14}, 128, 256, 5, 2, 1, 2), square(128, {28, 28}, 64, 128, 5, 2, 1, 2),
            square(128, {14, 14}, 64, 128, 5, 2, 1, 2), square(128, {32, 32}, 64, 128, 4, 2, 1, 1),
            square(128, {16, 16}, 128, 256, 4, 2, 1, 1)};
    for (const auto& each : cases) {
        if (const auto* product = std::get_if<MatmulProblem>(&each)) {
            bench(*product);
            continue;
        }
        for (const Direction direction :
             {Direction::kForward, Direction::kBackwardData, Direction::kBackwardWeights})
            if (directions.find("fdw"[static_cast<int>(direction)]) != std::string::npos)
                bench(std::get<ConvCase>(each), direction);
    }
    return 0;
}
