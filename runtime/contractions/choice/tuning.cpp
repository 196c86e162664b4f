// Times the candidates for a problem on memory of their own, rejects those that are wrong, and
// chooses the fastest of the rest.
#include "runtime/contractions/choice/tuning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "runtime/contractions/choice/rounding_error.h"
#include "runtime/contractions/choice/workshop.h"
#include "runtime/contractions/plain_contraction.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

using Direction = ConvProblem::Direction;

/// Timing ends after this many runs, or after this much time and at least three runs.
constexpr size_t kMostRuns = 60, kFewestRuns = 3;
constexpr double kEnoughSeconds = 0.02;
/// A candidate's two fastest runs agree when the second takes at most this many times as long.
constexpr double kSteady = 1.1;
/// A candidate might be the fastest one when it takes at most this many times as long.
constexpr double kRival = 1.3;
/// A doubtful choice is measured again by later runs, until it has been measured this often.
constexpr int64_t kMostMeasurements = 5;
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

ConvProblem small(ConvProblem p) {
    p.x[0] = p.y[0] = std::min<int64_t>(p.batch(), 2);
    return p;
}
/// A matrix product with fewer rows. When `a` is transposed, its rows are columns in memory, so the
/// problem reads another layout; that does not matter, as both kernels read the same.
MatmulProblem small(MatmulProblem p) {
    p.m = std::min<int64_t>(p.m, 4);
    p.products = std::min<int64_t>(p.products, 2);
    return p;
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

/// Stands for the epilogue that will follow in training: reads the result once. `consumes`: nothing
/// else reads it.
class Reader final : public Epilogue {
  public:
    Reader(const ResultMemory& result, ir::DType type, bool consumes)
        : result_(reinterpret_cast<std::byte*>(result.data)),
          element_bytes_(ir::dtype_size(type)),
          count_(result.count),
          consumes_(consumes),
          sums_(static_cast<size_t>(thread_count())) {}

    void begin(const CallContext&) override {}
    void follow(int worker, int64_t begin, int64_t end) override {
        read(worker, result_ + begin * element_bytes_, (end - begin) * element_bytes_);
    }
    void end() override {}
    bool takes_values() const override { return consumes_; }
    void follow_at(int worker, int64_t begin, int64_t end, const float* values) override {
        const auto* from = reinterpret_cast<const std::byte*>(values);
        if (stores_)
            std::copy(from, from + (end - begin) * element_bytes_,
                      result_ + begin * element_bytes_);
        else
            read(worker, from, (end - begin) * element_bytes_);
    }
    /// From now on it stores the values that it takes.
    void store() { stores_ = true; }

    /// Reads the result in a loop of its own, for kernels that take no epilogue.
    void run() {
        constexpr int64_t kLeast = 1 << 14;
        run_parts(count_, kLeast, static_cast<int>(sums_.size()),
                  [&](int64_t begin, int64_t end, int worker) { follow(worker, begin, end); });
    }

  private:
    struct alignas(64) Sum {
        uint64_t sum = 0;
    };
    void read(int worker, const std::byte* from, int64_t bytes) {
        uint64_t sum = 0, word = 0;
        for (int64_t i = 0; i + 8 <= bytes; i += 8) {
            std::memcpy(&word, from + i, sizeof word);
            sum += word;
        }
        sums_[static_cast<size_t>(worker)].sum += sum;
    }

    std::byte* result_;
    int64_t element_bytes_, count_;
    bool consumes_, stores_ = false;
    /// One per worker. They are kept so that the compiler cannot drop the reads.
    std::vector<Sum> sums_;
};

ir::ValueId kept_operand(const ConvProblem&) { return ir::kNone; }
ir::ValueId kept_operand(const MatmulProblem& p) { return p.kept_b; }

/// A candidate that is being timed.
template <typename Problem>
class Trial {
  public:
    using Clock = std::chrono::steady_clock;

    Trial(const Candidate<Problem>& candidate, const Problem& problem, const Operands& operands,
          bool bf16)
        : workshop_(bf16),
          operands_(operands),
          kept_(kept_operand(problem)),
          kernel_(candidate.make_named(problem, workshop_.context)),
          followed_(problem.followed) {
        if (kept_ != ir::kNone) workshop_.context.keep_for_call(kept_);
        if (!kernel_) return;
        reader_.emplace(result_in(problem), problem.result_type, problem.consumed);
        follows_ = followed_ && kernel_->set_epilogue(&*reader_);
    }

    bool can() const { return kernel_ != nullptr; }
    size_t runs() const { return seconds_.size(); }
    double fastest() const { return seconds_.front(); }
    /// Whether its two fastest runs agree. Other programs only make runs longer, and hardly two of
    /// them by the same amount.
    bool is_steady() const {
        return seconds_.size() > 1 && seconds_[1] <= kSteady * seconds_.front();
    }
    bool has_enough(double best) const {
        if (runs() < kFewestRuns) return false;
        return runs() >= kMostRuns || static_cast<double>(runs()) * fastest() >= kEnoughSeconds ||
               fastest() > kHopeless * best;
    }
    void run() {
        if (kept_ == ir::kNone)
            workshop_.context.begin_call();
        else
            workshop_.context.begin_pass();
        operands_.leave_caches(kept_ != ir::kNone);
        const Clock::time_point begin = Clock::now();
        kernel_->run({});
        if (followed_ && !follows_) reader_->run();
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        seconds_.insert(std::upper_bound(seconds_.begin(), seconds_.end(), seconds), seconds);
    }

    /// Runs once more, so that the result is its own, whoever reads it.
    void store() {
        reader_->store();
        run();
    }

  private:
    Workshop workshop_;
    const Operands& operands_;
    ir::ValueId kept_;  ///< the operand that is the same in all runs
    std::unique_ptr<Kernel> kernel_;
    std::optional<Reader> reader_;
    bool followed_, follows_ = false;
    std::vector<double> seconds_;  ///< of its runs, the fastest first
};

/// How long the fastest run of a candidate took.
struct Timed {
    /// Index in the list.
    size_t candidate;
    double seconds;
    bool steady;
    /// As a multiple of that of direct sums.
    double error;
};

/// Times all candidates that can do the problem, those that the static rules prefer first in the
/// list. They run in turns, so that a busy time hits all of them alike. Plain loops are timed only
/// when nothing else can do it.
template <typename Problem>
std::vector<Timed> time_all(std::span<const Candidate<Problem>> candidates, const Problem& problem,
                            bool bf16, const TuningCache& cache) {
    // Numbers whose sums are never exact, so that errors show.
    const Operands operands(problem, false);
    const Problem mine = operands.of(problem);
    std::vector<std::pair<size_t, std::unique_ptr<Trial<Problem>>>> trials;
    for (const bool preferred : {true, false})
        for (size_t i = 0; i < candidates.size(); ++i) {
            if (candidates[i].preferred(problem) != preferred) continue;
            if (candidates[i].name == "plain" && !trials.empty()) continue;
            auto trial = std::make_unique<Trial<Problem>>(candidates[i], mine, operands, bf16);
            if (trial->can()) trials.emplace_back(i, std::move(trial));
        }
    double best = std::numeric_limits<double>::infinity();
    for (bool again = true; again;) {
        again = false;
        for (auto& [index, trial] : trials) {
            if (trial->has_enough(best)) continue;
            cache.check_stop();
            trial->run();
            best = std::min(best, trial->fastest());
            again = true;
        }
    }
    const SampledSums sums(mine);
    std::vector<Timed> timed;
    for (const auto& [index, trial] : trials) {
        const double fastest = trial->fastest();
        const bool steady = trial->is_steady();
        trial->store();  // all candidates write to the same memory
        timed.push_back({index, fastest, steady, sums.error_of(result_of(mine))});
    }
    return timed;
}

/// Combines two measurements of a problem: the shorter time counts, since other programs only make
/// a kernel slower.
void merge(const TuningEntry& earlier, std::span<const std::string_view> names,
           std::vector<Timed>& timed) {
    for (Timed& each : timed)
        for (const auto& [name, us] : earlier.microseconds)
            if (name == names[each.candidate]) each.seconds = std::min(each.seconds, us * 1e-6);
}

/// Whether the choice may be due to other programs: a candidate that might be the fastest did not
/// take the same time twice.
bool is_doubtful(const std::vector<Timed>& timed) {
    const double best =
        std::min_element(timed.begin(), timed.end(), [](const Timed& a, const Timed& b) {
            return a.seconds < b.seconds;
        })->seconds;
    return std::any_of(timed.begin(), timed.end(), [&](const Timed& each) {
        return !each.steady && each.seconds < kRival * best;
    });
}

/// The fastest candidate whose result is right and, unless `any_error`, exact enough. On entry,
/// `timed` starts with the candidate that the static rules prefer.
template <typename Problem>
const Candidate<Problem>* choose(std::span<const Candidate<Problem>> candidates,
                                 std::vector<Timed>& timed, const Problem& problem, bool bf16,
                                 bool any_error) {
    timed.front().seconds *= kWorthwhile;
    std::stable_sort(timed.begin(), timed.end(),
                     [](const Timed& a, const Timed& b) { return a.seconds < b.seconds; });
    for (const Timed& each : timed)
        if ((any_error || !candidates[each.candidate].fewer_products || each.error <= kMostError) &&
            is_right(candidates[each.candidate], problem, bf16))
            return &candidates[each.candidate];
    return nullptr;
}

/// The kernel that the cache knows to be the fastest; null where it knows none.
template <typename Problem>
std::unique_ptr<Kernel> known(std::span<const Candidate<Problem>> candidates,
                              const Problem& problem, const std::string& key,
                              ContractionContext& context, TuningCache& cache) {
    const TuningEntry* entry = cache.find(key);
    if (entry == nullptr || cache.wants_again(key)) return nullptr;
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
    if (!cache.measures()) return nullptr;
    cache.begin_measuring();
    const std::shared_ptr<void> at_end(nullptr, [&](void*) { cache.end_measuring(); });
    // Another process may just have measured it.
    if (auto kernel = known(candidates, problem, key, context, cache)) return kernel;
    std::vector<Timed> timed = time_all(candidates, problem, context.bf16(), cache);
    if (timed.empty()) return nullptr;
    TuningEntry entry;
    entry.doubtful = timed.size() > 1 && is_doubtful(timed);
    if (const TuningEntry* earlier = cache.find(key)) {
        std::vector<std::string_view> names;
        for (const Candidate<Problem>& candidate : candidates) names.push_back(candidate.name);
        merge(*earlier, names, timed);
        entry.measurements = earlier->measurements + 1;
    }
    if (entry.measurements >= kMostMeasurements) entry.doubtful = false;
    for (const Timed& each : timed) {
        const std::string name(candidates[each.candidate].name);
        entry.microseconds.emplace_back(name, std::round(each.seconds * 1e7) / 10);
        entry.errors[name] = std::round(each.error * 100) / 100;
    }
    const Candidate<Problem>* chosen =
        choose(candidates, timed, problem, context.bf16(), cache.accepts_any_error());
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
static const char* followed(const Contraction& p) {
    return p.consumed ? ", consumed" : p.followed ? ", followed" : "";
}

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
    const std::string many = p.products > 1 ? fmt::format("{} of ", p.products) : "";
    return fmt::format("matmul {} {}{}{}[{},{}] x {}{}[{},{}]{}", types_of(p), many,
                       p.moves() ? "moving " : "", p.transpose_a ? "transposed " : "", p.m, p.k,
                       p.kept_b != ir::kNone ? "kept " : "", p.transpose_b ? "transposed " : "",
                       p.k, p.n, followed(p));
}

template <typename Problem>
static const TuningEntry* find_either(const TuningCache& cache, Problem problem) {
    const TuningEntry* entry = nullptr;
    for (const auto& [followed, consumed] :
         {std::pair{true, true}, std::pair{true, false}, std::pair{false, false}}) {
        problem.followed = followed, problem.consumed = consumed;
        if (entry == nullptr) entry = cache.find(tuning_key(problem));
    }
    return entry;
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
