// gmrun bench: measures the time and memory of a training step, and where the time goes.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <sstream>

#include "compiler/support/json.h"
#include "compiler/support/say.h"
#include "runtime/train/step_runner.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/measure/measured_model.h"

namespace gmc::tools {
namespace {

double clock_s(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Seconds since this process started, including the loading of its libraries. The resolution is a
/// clock tick, 10 ms.
double process_age_s() {
    std::ifstream stat("/proc/self/stat");
    std::string line;
    std::getline(stat, line);
    // The start time is field 22. Fields are counted from the last ')', which ends the program's
    // name, since that may contain spaces.
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(line.substr(name_end + 2));
    std::string word;
    for (int field = 3; field <= 22 && fields >> word; ++field) {
    }
    return clock_s(CLOCK_BOOTTIME) -
           std::atof(word.c_str()) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Four digits: more of a time nobody has measured.
double significant(double value) { return std::stod(fmt::format("{:.4g}", value)); }

/// What was measured; medians, since single steps are disturbed by other processes.
struct Measured {
    double first_step_s = 0;
    std::vector<double> step_ms;  ///< sorted
    double median() const { return step_ms[step_ms.size() / 2]; }
    double mean() const {
        return std::accumulate(step_ms.begin(), step_ms.end(), 0.0) /
               static_cast<double>(step_ms.size());
    }
};

/// Runs one step to warm up (`first_step_s` is when it ends), moves all memory to huge pages (which
/// training does little by little), runs two more steps, and then `steps` that are measured.
bool measure(runtime::LoadedModel& model, int64_t steps, Measured& out, Diagnostics& diagnostics) {
    runtime::TrainingState training;
    std::unique_ptr<runtime::Loader> loader;
    runtime::StepRunner runner(model, diagnostics, [&] {
        if (!model.states().initialise(training.seed, diagnostics)) return false;
        auto made = model.data().make_loader(
            runtime::DataSplit::kTrain,
            {model.batch_size(), runtime::LoaderMode::kTrain, training.seed, 2}, diagnostics);
        if (made.ok()) loader = made.take();
        return made.ok();
    });
    if (!runner.ok()) return false;
    constexpr int64_t kWarmUp = 3;
    for (int64_t i = 0; i < steps + kWarmUp; ++i) {
        const double begin = clock_s(CLOCK_MONOTONIC);
        if (!runner.run(*loader, training, diagnostics)) return false;
        if (i == 0) {
            out.first_step_s = process_age_s();
            while (model.make_huge()) {
            }
        }
        if (i >= kWarmUp) out.step_ms.push_back((clock_s(CLOCK_MONOTONIC) - begin) * 1e3);
    }
    std::sort(out.step_ms.begin(), out.step_ms.end());
    return true;
}

/// The batches of the entry of `minimize` that takes most. Functions that train nothing yet, since
/// they accumulate, belong to the one behind them.
int64_t most_batches(const ir::Module& module) {
    int64_t most = 0, batches = 0;
    for (const ir::ScheduleEntry& entry : module.schedule) {
        if (entry.every > 1) continue;  // the one that it stands in for counts
        batches += entry.repeat;
        const ir::Function& function = *module.find_function(entry.function);
        if (std::none_of(function.updates.begin(), function.updates.end(), [&](const auto& update) {
                return module.states[update.state].role == ir::StateRole::kParameter;
            }))
            continue;
        most = std::max(most, batches);
        batches = 0;
    }
    return most;
}

}  // namespace

/// `examples_per_s` counts the examples of the entry that the schedule runs most often, as a critic
/// that trains five times a step sees five batches.
int bench_command(const Words& words) {
    CommandLine line(
        "gmrun bench [options] MODEL",
        "Measures training steps on the model's own data. The trained states are not kept.");
    add_measuring(line, 20);
    if (!line.parse(words)) return kDone;
    const int64_t steps = line.get<int64_t>("steps");
    Diagnostics diagnostics;
    const auto loaded = load_measured(line, diagnostics);
    if (!loaded.ok()) return report(diagnostics);
    runtime::LoadedModel& model = *loaded->model;
    Measured measured;
    if (!measure(model, steps, measured, diagnostics)) return report(diagnostics);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const int64_t images = most_batches(model.module()) * model.batch_size();
    const Json json{
        {"model", model.module().name},
        {"batch_size", model.batch_size()},
        {"step_ms_median", significant(measured.median())},
        {"step_ms_mean", significant(measured.mean())},
        {"step_ms_min", significant(measured.step_ms.front())},
        {"examples_per_s", significant(static_cast<double>(images) / measured.median() * 1e3)},
        {"first_step_s", significant(measured.first_step_s)},
        {"rss_peak_mb", significant(static_cast<double>(usage.ru_maxrss) / 1024)},
        {"arena_mb", significant(static_cast<double>(model.arena().bytes()) / (1 << 20))}};
    if (line.flag("json"))
        print_out("{}\n", json.dump());
    else
        for (const std::string& key : json.names()) {
            const Json& value = json.at(key);
            print_out("{:16} {}\n", key,
                      value.is_text() ? value.text() : fmt::format("{:.10g}", value.number()));
        }
    return kDone;
}

}  // namespace gmc::tools
