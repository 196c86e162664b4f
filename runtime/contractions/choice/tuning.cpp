// Chooses a candidate by timing them all. The memory of the function must not be written while that
// is done, because it may hold the model's states; so candidates run on copies of the problem that
// point to other memory.
#include "runtime/contractions/choice/tuning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/philox.h"
#include "runtime/kernels/tile_cast.h"

namespace gmc::runtime {
namespace {

using Direction = ConvProblem::Direction;

/// Timing ends after this many runs, or after this much time and at least two runs.
constexpr int kMostRuns = 60;
constexpr double kEnoughSeconds = 0.02;
/// A candidate is not timed further when its first runs take this many times as long as the best so
/// far.
constexpr double kHopeless = 3;
/// The candidate that the static rule prefers stays unless another takes less than this share of
/// its time. Smaller differences are chance.
constexpr double kWorthwhile = 0.97;
/// The largest error that is accepted, relative to the root mean square of the result. f32 sums in
/// another order differ by far less. A bf16 is rounded to 1/512 of its value, and the largest value
/// is several times the mean.
constexpr double kTolerance = 1e-3, kToleranceBf16 = 0.03;

int64_t elements(const ir::Shape& shape) { return ir::Type{ir::DType::kF32, shape}.elements(); }

/// Memory for two operands and a result, filled with numbers from -1 to 1 that bf16 represents
/// exactly.
class Operands {
  public:
    explicit Operands(const ConvProblem& p)
        : blocks_{{elements(p.x), p.x_type(), 0},
                  {elements(p.weights), p.weights_type(), 1},
                  {elements(p.y), p.y_type(), 2}} {}
    explicit Operands(const MatmulProblem& p)
        : blocks_{{p.m * p.k, p.operand_type, 0},
                  {p.k * p.n, p.operand_type, 1},
                  {p.m * p.n, p.result_type, 2}} {}

    ConvProblem of(ConvProblem p) const {
        p.x_data = block(0), p.weights_data = block(1), p.y_data = block(2);
        p.weights_value = ir::kNone;
        return p;
    }
    MatmulProblem of(MatmulProblem p) const {
        p.a = block(0), p.b = block(1), p.c = block(2);
        return p;
    }

  private:
    struct Block {
        Block(int64_t count, ir::DType type, uint32_t stream)
            : memory(count * ir::dtype_size(type)) {
            for (int64_t i = 0; i < count; ++i) {
                const float number =
                    2 * philox_uniform(philox_word(static_cast<uint64_t>(i), 0, stream, 1)) - 1;
                const uint16_t half = bf16_from_float(number);
                if (type == ir::DType::kBf16)
                    std::memcpy(memory.data() + 2 * i, &half, sizeof half);
                else
                    memory.floats()[i] = float_from_bf16(half);
            }
        }
        MemoryBlock memory;
    };
    float* block(size_t i) const { return blocks_[i].memory.floats(); }
    Block blocks_[3];
};

/// The same convolution of at most two examples, to be compared with plain loops.
ConvProblem small(ConvProblem p) {
    p.x[0] = p.y[0] = std::min<int64_t>(p.batch(), 2);
    return p;
}
/// A matrix product with fewer rows. When `a` is transposed, its rows are columns in memory, so the
/// problem reads another layout; that does not matter, as both kernels read the same.
MatmulProblem small(MatmulProblem p) {
    p.m = std::min<int64_t>(p.m, 4);
    return p;
}

/// The memory of a problem's result.
struct ResultMemory {
    const float* data;
    int64_t count;
};
ResultMemory result_in(const ConvProblem& p) {
    if (p.direction == Direction::kBackwardData) return {p.x_data, elements(p.x)};
    if (p.direction == Direction::kBackwardWeights) return {p.weights_data, elements(p.weights)};
    return {p.y_data, elements(p.y)};
}
ResultMemory result_in(const MatmulProblem& p) { return {p.c, p.m * p.n}; }

/// The result of a problem as floats.
template <typename Problem>
std::vector<float> result_of(const Problem& problem) {
    const ResultMemory result = result_in(problem);
    std::vector<float> floats(static_cast<size_t>(result.count));
    cast_elements(result.data, problem.result_type, floats.data(), ir::DType::kF32, result.count);
    return floats;
}

/// The same problem in f32, for plain loops.
template <typename Problem>
Problem in_f32(Problem problem) {
    problem.operand_type = problem.result_type = ir::DType::kF32;
    return problem;
}

std::unique_ptr<Kernel> make_plain(const ConvProblem& p, ContractionContext& context) {
    return make_plain_conv(p, context);
}
std::unique_ptr<Kernel> make_plain(const MatmulProblem& p, ContractionContext& context) {
    return make_plain_matmul(p, context);
}

/// Where candidates run while they are tried. Nothing of the function's own context changes.
struct Workshop {
    explicit Workshop(bool bf16) : context(arena, nullptr, bf16) {}
    ir::Module nothing;
    Arena arena{nothing};
    ContractionContext context;
};

/// Whether the candidate's result agrees with that of plain loops on a smaller problem.
template <typename Problem>
bool is_right(const Candidate<Problem>& candidate, const Problem& problem, bool bf16) {
    const Problem few = small(problem);
    const Problem exact = in_f32(few);
    const Operands mine(few), plain(exact);
    Workshop workshop(bf16);
    const auto kernel = candidate.make_named(mine.of(few), workshop.context);
    if (!kernel) return true;  // it can do the problem, but not so small a one; nothing to compare
    kernel->run({});
    make_plain(plain.of(exact), workshop.context)->run({});
    const std::vector<float> found = result_of(mine.of(few)), right = result_of(plain.of(exact));
    double worst = 0, squares = 0;
    for (size_t i = 0; i < found.size(); ++i) {
        const double difference = std::fabs(double{found[i]} - double{right[i]});
        if (!(difference <= worst)) worst = difference;  // written so that NaN counts as worst
        squares += double{right[i]} * double{right[i]};
    }
    const double tolerance = problem.result_type == ir::DType::kBf16 ? kToleranceBf16 : kTolerance;
    return worst <= tolerance * std::sqrt(squares / static_cast<double>(found.size()));
}

/// Stands for the epilogue that will follow in training: reads the result once.
class Reader final : public Epilogue {
  public:
    Reader(const float* result, ir::DType type, int64_t count)
        : result_(reinterpret_cast<const std::byte*>(result)),
          element_bytes_(ir::dtype_size(type)),
          count_(count),
          sums_(static_cast<size_t>(omp_get_max_threads())) {}

    void begin(const CallContext&) override {}
    void follow(int thread, int64_t begin, int64_t end) override {
        uint64_t sum = 0, word = 0;
        for (int64_t i = begin * element_bytes_; i + 8 <= end * element_bytes_; i += 8) {
            std::memcpy(&word, result_ + i, sizeof word);
            sum += word;
        }
        sums_[static_cast<size_t>(thread)].sum += sum;
    }
    void end() override {}

    /// Reads the result in a loop of its own, for kernels that take no epilogue.
    void run() {
#pragma omp parallel
        {
            const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
            follow(thread, count_ * thread / threads, count_ * (thread + 1) / threads);
        }
    }

  private:
    struct alignas(64) Sum {
        uint64_t sum = 0;
    };
    const std::byte* result_;
    int64_t element_bytes_, count_;
    /// One per thread. They are kept so that the compiler cannot drop the reads.
    std::vector<Sum> sums_;
};

/// Seconds of the fastest run; infinity when the candidate cannot do the problem.
template <typename Problem>
double time_of(const Candidate<Problem>& candidate, const Problem& problem, bool bf16, double best,
               const TuningCache& cache) {
    using Clock = std::chrono::steady_clock;
    Workshop workshop(bf16);
    const auto kernel = candidate.make_named(problem, workshop.context);
    if (!kernel) return std::numeric_limits<double>::infinity();
    const ResultMemory result = result_in(problem);
    Reader reader(result.data, problem.result_type, result.count);
    const bool follows = problem.followed && kernel->set_epilogue(&reader);
    const auto run = [&] {
        cache.check_stop();
        workshop.context.begin_call();
        const Clock::time_point begin = Clock::now();
        kernel->run({});
        if (problem.followed && !follows) reader.run();
        return std::chrono::duration<double>(Clock::now() - begin).count();
    };
    double fastest = run();
    // Other programs make single runs much longer. Such a run must neither end the timing nor rule
    // out the candidate.
    for (int i = 0; i < kMostRuns && (i < 2 || i * fastest < kEnoughSeconds); ++i) {
        if (i == 2 && fastest > kHopeless * best) break;
        fastest = std::min(fastest, run());
    }
    return fastest;
}

/// How long the fastest run of a candidate took.
struct Timed {
    /// Index in the list.
    size_t candidate;
    double seconds;
};

/// Times all candidates that can do the problem, those that the static rules prefer first. Plain
/// loops are timed only when nothing else can do it.
template <typename Problem>
std::vector<Timed> time_all(std::span<const Candidate<Problem>> candidates, const Problem& problem,
                            bool bf16, const TuningCache& cache) {
    const Operands operands(problem);
    std::vector<Timed> timed;
    double best = std::numeric_limits<double>::infinity();
    for (const bool preferred : {true, false})
        for (size_t i = 0; i < candidates.size(); ++i) {
            if (candidates[i].preferred(problem) != preferred) continue;
            if (candidates[i].name == "plain" && !timed.empty()) continue;
            const double seconds = time_of(candidates[i], operands.of(problem), bf16, best, cache);
            if (!std::isfinite(seconds)) continue;
            best = std::min(best, seconds);
            timed.push_back({i, seconds});
        }
    return timed;
}

/// The fastest candidate whose result is right. `timed` starts with the one that the static rules
/// prefer.
template <typename Problem>
const Candidate<Problem>* choose(std::span<const Candidate<Problem>> candidates,
                                 std::vector<Timed>& timed, const Problem& problem, bool bf16) {
    timed.front().seconds *= kWorthwhile;
    std::stable_sort(timed.begin(), timed.end(),
                     [](const Timed& a, const Timed& b) { return a.seconds < b.seconds; });
    for (const Timed& each : timed)
        if (is_right(candidates[each.candidate], problem, bf16)) return &candidates[each.candidate];
    return nullptr;
}

/// The kernel that the cache knows to be the fastest; null where it knows none.
template <typename Problem>
std::unique_ptr<Kernel> known(std::span<const Candidate<Problem>> candidates,
                              const Problem& problem, const std::string& key,
                              ContractionContext& context, TuningCache& cache) {
    const TuningEntry* entry = cache.find(key);
    if (entry == nullptr) return nullptr;
    for (const Candidate<Problem>& candidate : candidates) {
        if (candidate.name != entry->choice) continue;
        auto kernel = candidate.make_named(problem, context);
        if (kernel) cache.use(key, candidate.name);
        return kernel;
    }
    return nullptr;
}

/// Looks the problem up; else measures it under the cache's lock, records the choice, and makes the
/// kernel.
template <typename Problem>
std::unique_ptr<Kernel> fastest(std::span<const Candidate<Problem>> candidates,
                                const Problem& problem, ContractionContext& context,
                                TuningCache& cache) {
    const std::string key = tuning_key(problem);
    if (auto kernel = known(candidates, problem, key, context, cache)) return kernel;
    cache.begin_measuring();
    const std::shared_ptr<void> at_end(nullptr, [&](void*) { cache.end_measuring(); });
    // Another process may just have measured it.
    if (auto kernel = known(candidates, problem, key, context, cache)) return kernel;
    std::vector<Timed> timed = time_all(candidates, problem, context.bf16(), cache);
    if (timed.size() < 2) return nullptr;
    TuningEntry entry;
    for (const Timed& each : timed)
        entry.microseconds.emplace_back(candidates[each.candidate].name,
                                        std::round(each.seconds * 1e7) / 10);
    const Candidate<Problem>* chosen = choose(candidates, timed, problem, context.bf16());
    if (chosen == nullptr) return nullptr;
    entry.choice = chosen->name;
    cache.record(key, std::move(entry));
    cache.use(key, chosen->name);
    return chosen->make_named(problem, context);
}

}  // namespace

/// "f32", or "bf16 to f32".
static std::string types_of(const ContractionTypes& types) {
    if (types.operand_type == types.result_type) return ir::dtype_name(types.result_type);
    return fmt::format("{} to {}", ir::dtype_name(types.operand_type),
                       ir::dtype_name(types.result_type));
}

/// A problem with an epilogue has an entry of its own, because the fastest kernel alone need not be
/// the fastest one together with an epilogue.
static const char* followed(const Contraction& p) { return p.followed ? ", followed" : ""; }

std::string tuning_key(const ConvProblem& p) {
    const char* name = p.direction == Direction::kForward        ? "conv"
                       : p.direction == Direction::kBackwardData ? "conv_backward_data"
                                                                 : "conv_backward_weights";
    return fmt::format("{} {} x[{}] w[{}] y[{}] strides[{}] pads[{}] dilations[{}] groups {}{}",
                       name, types_of(p), fmt::join(p.x, ","), fmt::join(p.weights, ","),
                       fmt::join(p.y, ","), fmt::join(p.window.strides, ","),
                       fmt::join(p.window.pads_begin, ","), fmt::join(p.window.dilations, ","),
                       p.window.groups, followed(p));
}

std::string tuning_key(const MatmulProblem& p) {
    return fmt::format("matmul {} {}[{},{}] x {}[{},{}]{}", types_of(p),
                       p.transpose_a ? "transposed " : "", p.m, p.k,
                       p.transpose_b ? "transposed " : "", p.k, p.n, followed(p));
}

template <typename Problem>
static const TuningEntry* find_either(const TuningCache& cache, Problem problem) {
    problem.followed = true;
    const TuningEntry* entry = cache.find(tuning_key(problem));
    problem.followed = false;
    return entry != nullptr ? entry : cache.find(tuning_key(problem));
}

const TuningEntry* find_tuning(const TuningCache& cache, const ir::Module& module,
                               const ir::Function& function, const ir::Operation& operation) {
    if (!operation.info().has(ir::kContraction)) return nullptr;
    const Buffers nowhere(function.values.size());
    if (operation.as<ir::Matmul>() != nullptr)
        return find_either(cache, matmul_problem(module, function, operation, nowhere));
    return find_either(cache, conv_problem(module, function, operation, nowhere));
}

std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<ConvProblem>> candidates,
                                     const ConvProblem& problem, ContractionContext& context,
                                     TuningCache& cache) {
    return fastest(candidates, problem, context, cache);
}

std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<MatmulProblem>> candidates,
                                     const MatmulProblem& problem, ContractionContext& context,
                                     TuningCache& cache) {
    return fastest(candidates, problem, context, cache);
}

}  // namespace gmc::runtime
