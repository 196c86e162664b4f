// Runs rounds of training with the times of all operations logged, and makes medians of them.
// Medians, because other programs make single runs longer.
#include "runtime/profile/step_profile.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include "compiler/ir/scan.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {
namespace {

/// Rounds that are not timed: in the first, pages of memory are provided and caches filled.
constexpr int64_t kWarmUp = 3;

double median(std::vector<int64_t> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return static_cast<double>(*middle);
}

/// Initialises the states and makes the loader, which tells `out` when it made a batch; null after
/// an error.
std::unique_ptr<Loader> prepare(LoadedModel& model, uint64_t seed, StepProfile& out,
                                Diagnostics& diagnostics) {
    if (!model.states().initialise(seed, diagnostics)) return nullptr;
    LoaderOptions options = model.training_options(seed);
    options.on_batch_made = [&](LoaderOptions::Moment begin, LoaderOptions::Moment end) {
        using std::chrono::nanoseconds;
        out.batches.push_back({nanoseconds(begin.time_since_epoch()).count(),
                               nanoseconds(end.time_since_epoch()).count()});
    };
    auto loader = model.data().make_loader(DataSplit::kTrain, options, diagnostics);
    return loader.ok() ? loader.take() : nullptr;
}

/// Runs the rounds and fills in the raw times.
bool run_rounds(LoadedModel& model, StepRunner& runner, int64_t rounds, Loader& loader,
                TrainingState& training, StepProfile& out, Diagnostics& diagnostics) {
    const auto sums = [&] {
        return model.group() == nullptr ? SumTime() : model.group()->take_sum_time();
    };
    for (int64_t i = 0; i < kWarmUp + rounds; ++i) {
        if (i == kWarmUp) runner.set_timing(&out.log), (void)sums();
        const int64_t begin = steady_ns();
        if (!runner.run(loader, training, diagnostics)) break;
        // Training does this little by little between steps; here it is done before anything is
        // timed.
        while (i == 0 && model.make_huge()) {
        }
        if (i >= kWarmUp) out.rounds.push_back({begin, steady_ns()});
    }
    runner.set_timing(nullptr);
    out.sums = sums();
    return static_cast<int64_t>(out.rounds.size()) == rounds;
}

/// Operation -> its time in each round. One operation may run in several parts.
using TimesOfRounds = std::map<std::pair<const ir::Function*, size_t>, std::vector<int64_t>>;

/// Adds the operations of a function of an executable, or of a body in it that runs so many times,
/// and of the bodies within.
void add_operations(const ir::Module& module, const StepRunner::Entry& entry,
                    const ir::Function& function, int64_t passes, const TimesOfRounds& runs,
                    StepProfile& out) {
    for (size_t i = 0; i < function.operations.size(); ++i) {
        const ir::Operation& operation = function.operations[i];
        const ir::Function* body = ir::body_of(module, operation);
        if (const auto found = runs.find({&function, i}); found != runs.end()) {
            // Of a scan the time of copies and sums is left, and those are not counted.
            Work work = body == nullptr ? work_of(function, operation) : Work();
            work.flops *= static_cast<double>(passes);
            work.bytes *= entry.executable->share(function, i) * static_cast<double>(passes);
            out.operations.push_back({&function, i, entry.executable->kernel_name(function, i),
                                      work, entry.repeat,
                                      median(found->second) / static_cast<double>(entry.repeat)});
        }
        if (body != nullptr)
            add_operations(module, entry, *body, passes * operation.as<ir::Scan>()->count, runs,
                           out);
    }
}

/// Sums the times of each operation per round (it may run several times), then takes the median
/// over rounds. The log is in order of time, so that one walk assigns it to rounds, and times in
/// bodies to their scans, from which they are taken off.
void summarise(const ir::Module& module, const StepRunner& runner, StepProfile& out) {
    TimesOfRounds runs;
    std::vector<const OperationTime*> scans;  ///< around the present one
    std::vector<int64_t> rounds, waits(out.rounds.size(), 0);
    for (const TimeSpan& round : out.rounds) rounds.push_back(round.ns());
    size_t round = 0;
    for (const OperationTime& one : out.log) {
        while (one.time.begin_ns >= out.rounds[round].end_ns) ++round;
        if (one.function == nullptr) {
            waits[round] += one.time.ns();
            continue;
        }
        std::vector<int64_t>& of_rounds = runs[{one.function, one.operation}];
        of_rounds.resize(out.rounds.size(), 0);
        of_rounds[round] += one.time.ns();
        while (!scans.empty() && scans.back()->time.end_ns <= one.time.begin_ns) scans.pop_back();
        if (!scans.empty())
            runs[{scans.back()->function, scans.back()->operation}][round] -= one.time.ns();
        if (ir::body_of(module, one.function->operations[one.operation]) != nullptr)
            scans.push_back(&one);
    }
    out.round_ns = median(std::move(rounds));
    out.wait_ns = median(std::move(waits));
    std::vector<StepRunner::Entry> functions;
    for (const StepRunner::Entry& entry : runner.entries()) {
        if (entry.every > 1) continue;  // no part of the median step
        const auto same = std::find_if(functions.begin(), functions.end(), [&](const auto& other) {
            return other.executable == entry.executable;
        });
        if (same == functions.end())
            functions.push_back(entry);
        else
            same->repeat += entry.repeat;
    }
    for (const StepRunner::Entry& entry : functions)
        add_operations(module, entry, entry.executable->function(), 1, runs, out);
}

}  // namespace

double StepProfile::operations_ns() const {
    return std::accumulate(operations.begin(), operations.end(), 0.0,
                           [](double sum, const auto& one) { return sum + one.round_ns(); });
}

Result<StepProfile> profile_step(LoadedModel& model, int64_t rounds, Diagnostics& diagnostics,
                                 const std::function<bool(const Loader&)>& begins) {
    StepProfile profile;
    TrainingState training;
    std::unique_ptr<Loader> loader;  // its thread, if there is one, writes to profile.batches
    StepRunner runner(model, diagnostics, [&] {
        loader = prepare(model, training.seed, profile, diagnostics);
        return loader != nullptr;
    });
    if (!runner.ok() || (begins && !begins(*loader)) ||
        !run_rounds(model, runner, rounds, *loader, training, profile, diagnostics))
        return Failure{};
    loader.reset();
    const TimeSpan measured{profile.rounds.front().begin_ns, profile.rounds.back().end_ns};
    std::erase_if(profile.batches,
                  [&](const TimeSpan& batch) { return batch.end_ns < measured.begin_ns; });
    summarise(model.module(), runner, profile);
    return profile;
}

}  // namespace gmc::runtime
