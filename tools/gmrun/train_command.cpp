// gmrun train: trains a model, or resumes a run.
#include <csignal>

#include "runtime/train/trainer.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

/// The first Ctrl-C asks the run to end with a checkpoint; a second one ends the process at once.
void on_interrupt(int signal) {
    interrupted = true;
    std::signal(signal, SIG_DFL);
}

int exit_code(runtime::TrainEnd end) {
    switch (end) {
        case runtime::TrainEnd::kDone:
            return kDone;
        case runtime::TrainEnd::kInterrupted:
            return kInterrupted;
        case runtime::TrainEnd::kNotStarted:
            return kInputWrong;
        case runtime::TrainEnd::kDiverged:
        case runtime::TrainEnd::kFailed:
            break;
    }
    return kRunFailed;
}

}  // namespace

int train_command(const Words& words) {
    CommandLine line(
        "gmrun train [options] MODEL",
        "Trains a compiled model. The run's folder gets model.gmc, checkpoint, metrics.jsonl and "
        "samples/epoch-NNN.png.");
    add_run(line);
    line.add_flag("resume", "continue from the checkpoint of the run");
    line.add_option<uint64_t>("seed", "N", "seed of weights, noise and the order of the data", 1);
    line.add_option<int64_t>("epochs", "N", "passes over the data, instead of the model's");
    line.add_option<int64_t>("steps", "N", "stop after this many steps in all, those before --resume included");
    line.add_option<int64_t>("log-every", "N", "steps between two lines of metrics.jsonl", 50);
    line.add_option<int64_t>(
        "samples", "N",
        "samples drawn after each epoch, 0 = none; by default 64 images or 2000 points");
    line.add_flag("quiet", "no progress line");
    add_tuning(line);
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(model_path(line), diagnostics);
    if (!model.ok()) return report(diagnostics);
    const Tuning tuning(line, **model);

    runtime::TrainOptions options;
    const std::string& name = (*model)->module().name;
    options.resume = line.flag("resume");
    options.run_directory =
        options.resume || line.has("run") ? run_folder(line, name) : new_run_folder(name);
    if (options.run_directory.empty())
        throw UsageError(fmt::format("there is no run of `{}` in runs/ to resume", name));
    options.seed = line.get<uint64_t>("seed");
    if (line.has("epochs")) options.epochs = line.get<int64_t>("epochs");
    if (line.has("steps")) options.steps_most = line.get<int64_t>("steps");
    options.log_every = line.get<int64_t>("log-every");
    if (line.has("samples")) options.sample_count = line.get<int64_t>("samples");
    options.quiet = line.flag("quiet");
    options.interrupted = &interrupted;
    if (options.epochs.value_or(1) < 1 || options.steps_most.value_or(1) < 1 ||
        options.log_every < 1 || options.sample_count.value_or(0) < 0)
        throw UsageError(
            "--epochs, --steps and --log-every must be at least 1, --samples at least 0");
    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
    const runtime::TrainEnd end = runtime::train(**model, options, diagnostics);
    report(diagnostics);
    if (end == runtime::TrainEnd::kDone && !options.quiet)
        fmt::print("{}\n", options.run_directory);
    return exit_code(end);
}

}  // namespace gmc::tools
