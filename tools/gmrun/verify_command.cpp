// gmrun verify: whether steps of a run give the same bits again.
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/run/trainer.h"
#include "runtime/train/checkpoint.h"
#include "tools/command_line/command_line.h"
#include "tools/command_line/version.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

namespace fs = std::filesystem;

/// A folder that goes with this object.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "gmc-verify-XXXXXX").string();
        if (mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// A checkpoint that a run kept, and its step.
struct Kept {
    std::string path;
    int64_t step = 0;
};

/// The checkpoints `step-N` in the run's folder, in the order of their steps.
std::vector<Kept> kept_checkpoints(const std::string& run) {
    constexpr std::string_view kBegin = "step-";
    std::vector<Kept> kept;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(run + "/checkpoints", error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kBegin))
            kept.push_back({entry.path().string(), std::atoll(name.c_str() + kBegin.size())});
    }
    std::sort(kept.begin(), kept.end(),
              [](const Kept& a, const Kept& b) { return a.step < b.step; });
    return kept;
}

/// Of the states in a checkpoint. What it says of the best epoch so far is left out: a repetition
/// measures no validation.
Result<std::string> digest_of(const std::string& run, const std::string& checkpoint,
                              Diagnostics& diagnostics) {
    auto model = runtime::LoadedModel::load(run + "/model.gmc", diagnostics);
    if (!model.ok()) return Failure{};
    runtime::StateStore& states = (*model)->states();
    runtime::TrainingState training;
    if (!runtime::read_checkpoint(checkpoint, states, training, diagnostics)) return Failure{};
    return fmt::format("{:08x}", crc32_z(0, reinterpret_cast<const Bytef*>(states.bytes_begin()),
                                         static_cast<size_t>(states.bytes())));
}

/// The digest of the checkpoint that `steps` more steps from `from` end in. Resumes a copy of the
/// run in a temporary folder, with everything off that is not training: no samples, nothing that is
/// watched. `steps_most` ends it, since epochs are set to more than anyone could ask for.
Result<std::string> repeat(const std::string& run, const std::string& from, int64_t steps,
                           Diagnostics& diagnostics) {
    const TemporaryFolder folder;
    std::error_code error;
    fs::copy_file(from, folder.path() + "/" + runtime::kCheckpointName, error);
    if (!error) fs::copy_file(run + "/run.json", folder.path() + "/run.json", error);
    if (error) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be copied: {}", run,
                          error.message());
        return Failure{};
    }
    auto model = runtime::LoadedModel::load(run + "/model.gmc", diagnostics);
    if (!model.ok()) return Failure{};
    runtime::TrainingState training;
    if (!runtime::read_checkpoint(from, (*model)->states(), training, diagnostics))
        return Failure{};
    runtime::TuningCache tuning("", runtime::tuning_machine());
    runtime::TrainOptions options;
    options.run_directory = folder.path();
    options.resume = options.quiet = true;
    options.epochs = 1'000'000'000;
    options.steps_most = training.step + steps;
    options.sample_count = 0;
    options.tuning = &tuning;
    options.version = kVersion.number;
    options.policy = (*model)->module().run;
    options.policy->keep_last = 1;
    options.policy->keep_best.clear();
    options.policy->stopping_metric.clear();
    options.policy->on_divergence = "stop";
    const auto result = runtime::train(**model, options, diagnostics);
    if (result.end != runtime::TrainEnd::kDone) return Failure{};
    return digest_of(run, folder.path() + "/" + runtime::kCheckpointName, diagnostics);
}

}  // namespace

/// With two checkpoints of the run, the steps between them are repeated and compared with what the
/// run itself wrote. Otherwise the same steps are run twice; that shows whether a run repeats, but
/// not whether the first one did.
int verify_command(const Words& words) {
    CommandLine line("gmrun verify [options] RUN",
                     "Repeats steps of a run and compares the bits: from one checkpoint that it "
                     "kept to the next (`keep: {last: 2}`), or else, twice, from its last one.");
    line.add_argument("RUN", "the folder of a run, or a .gmc file: then its newest run");
    line.add_option<int64_t>("steps", "N", "how many, from the last checkpoint", 20, Range{1, 1e9});
    if (!line.parse(words)) return kDone;
    int64_t steps = line.get<int64_t>("steps");
    Diagnostics diagnostics;
    const auto folder = run_folder(line.text("RUN"), Needs::kCheckpoint, diagnostics);
    if (!folder.ok()) return report(diagnostics);
    const std::string& run = *folder;
    const std::vector<Kept> kept = kept_checkpoints(run);
    const bool recorded = kept.size() >= 2 && !line.given("steps");
    const std::string from =
        recorded ? kept[kept.size() - 2].path : run + "/" + runtime::kCheckpointName;
    if (recorded) steps = kept.back().step - kept[kept.size() - 2].step;
    const auto first = recorded ? digest_of(run, kept.back().path, diagnostics)
                                : repeat(run, from, steps, diagnostics);
    if (!first.ok()) return report(diagnostics);
    const auto again = repeat(run, from, steps, diagnostics);
    if (!again.ok()) return report(diagnostics);
    const bool same = *first == *again;
    fmt::print("{} steps from {}: {} {}, {} again: {}\n", steps, from, *first,
               recorded ? "in the run" : "once", *again,
               same ? "the same bits" : "the bits differ");
    return same ? kDone : kRunFailed;
}

}  // namespace gmc::tools
