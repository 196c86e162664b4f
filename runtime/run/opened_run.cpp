// Opens a run: its folder, the record of a resumed one, data, states, and what is written before
// the first step.
#include "runtime/run/opened_run.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <filesystem>

#include "compiler/support/paths.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/data/data_summary.h"
#include "runtime/files/atomic_file.h"
#include "runtime/run/validation.h"
#include "runtime/train/take_weights.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

OpenedRun::OpenedRun(LoadedModel& trained, const TrainOptions& asked, Diagnostics& reported)
    : model(trained),
      options(asked),
      policy(asked.policy.value_or(trained.module().run)),
      diagnostics(reported),
      tuning_(asked.tuning) {}

OpenedRun::~OpenedRun() {
    if (recorded_choices_) model.set_tuning(nullptr);
}

bool OpenedRun::open() { return open_folder() && take_up_record(); }

bool OpenedRun::open_folder() {
    using Use = RunFolder::Use;
    const Use use = options.resume ? Use::kResume : options.overwrite ? Use::kOverwrite : Use::kNew;
    auto found = options.run_directory.empty()
                     ? RunFolder::make_next(model.module().name, diagnostics)
                     : RunFolder::open(options.run_directory, use, diagnostics);
    if (!found.ok()) return false;
    folder.emplace(found.take());
    return !options.resume || folder->can_go_on(model.module().name, diagnostics);
}

/// A resumed run is computed with the settings that it was begun with.
bool OpenedRun::take_up_record() {
    record.seed = options.seed.value_or(1);
    record.tuned = tuning_ != nullptr;
    record.bf16 = options.bf16;
    record.init = options.init;
    record.init_layout = options.init_layout;
    if (options.resume && is_there(path("run.json"))) {
        auto begun = read_run_record(path("run.json"), diagnostics);
        if (!begun.ok()) return false;
        record = begun.take();
        if (!is_of_model(record, folder->path(), model.module().origin, model.path(), diagnostics))
            return false;
        follow_record();
    }
    if (options.epochs) record.epochs = options.epochs;
    training.seed = record.seed;
    if (options.seed && *options.seed != record.seed) {
        diagnostics
            .error(DiagnosticKind::kBadValue, {},
                   "the run in `{}` has seed {}, so it cannot go on with seed {}", folder->path(),
                   record.seed, *options.seed)
            .help("leave --seed out, or start another run with it");
        return false;
    }
    return true;
}

void OpenedRun::follow_record() {
    if (!record.bf16) model.disable_bf16();
    if (record.tuned && tuning_ == nullptr)
        tuning_ = &recorded_choices_.emplace("", tuning_machine());
    if (!record.tuned) tuning_ = nullptr;
    if (tuning_ != nullptr) tuning_->pin(record.contractions);
    model.set_tuning(tuning_);
}

bool OpenedRun::prepare(Progress& progress) {
    auto made = model.data().make_loader(
        DataSplit::kTrain, {model.batch_size(), LoaderMode::kTrain, record.seed, 2}, diagnostics);
    if (!made.ok() || !begin_states(progress)) return false;
    loader = made.take();
    if (!prepare_validation()) return false;
    warn_of_long_steps();
    if (options.show_warnings) options.show_warnings(diagnostics);
    const std::string data = to_text(summarise(loader->dataset()));
    if (!options.quiet) progress.message(data);
    loader->seek(cursor());
    training.epoch =
        static_cast<double>(training.pass) +
        static_cast<double>(cursor().batch) / static_cast<double>(loader->batches_per_epoch());
    epochs = record.epochs.value_or(model.module().training->epochs);
    if (options.more_epochs > 0)
        record.epochs = epochs = std::max(epochs, training.pass) + options.more_epochs;
    say_what_changed(data, progress);
    return true;
}

void OpenedRun::warn_of_long_steps() {
    const int64_t step = runner->batches_per_round(), epoch = loader->batches_per_epoch();
    if (step <= epoch) return;
    diagnostics.warning(DiagnosticKind::kBadValue, {},
                        "a step takes {} batches, but the data have {}: each step reads the data "
                        "more than once, and the last may go beyond the epochs asked for",
                        step, epoch);
}

/// The test data, or a share of the training data, which is then not trained on.
bool OpenedRun::prepare_validation() {
    const LoaderOptions in_order{model.batch_size(), LoaderMode::kEvaluate, record.seed, 0};
    if (policy.validate_test) {
        auto made = model.data().make_loader(DataSplit::kTest, in_order, diagnostics);
        if (made.ok()) validation = made.take();
        return made.ok();
    }
    if (policy.validate_share == 0) return true;
    auto parts = split_dataset(loader->dataset(), policy.validate_share, record.seed, diagnostics);
    if (!parts.ok()) return false;
    auto held_out = Loader::create(parts->validation, in_order, diagnostics);
    auto trained = Loader::create(parts->training, loader->options(), diagnostics);
    if (!held_out.ok() || !trained.ok()) return false;
    validation = held_out.take();
    loader = trained.take();
    return true;
}

bool OpenedRun::begin_states(Progress& progress) {
    if (goes_on())
        return read_checkpoint(path(kCheckpointName), model.states(), training, diagnostics);
    if (!model.states().initialise(training.seed, diagnostics)) return false;
    auto all = take_named_weights(model.states(), diagnostics);
    if (!all.ok()) return false;
    if (!record.init.empty()) {
        const auto taken =
            take_weights(record.init, record.init_layout, model.states(), diagnostics);
        if (!taken.ok()) return false;
        training.init = taken->file;
        all->push_back(*taken);
    }
    for (const TakenWeights& taken : *all)
        for (const std::string& line : taken.lines()) progress.message(line);
    return true;
}

/// Tells the user what makes the resumed run differ from an uninterrupted one.
void OpenedRun::say_what_changed(const std::string& data, Progress& progress) {
    RunRecord now = record;
    now.data = data;
    now.machine = tuning_machine();
    now.threads = omp_get_max_threads();
    now.examples = loader->dataset().count();
    now.precision = model.is_bf16() ? "bf16" : "f32";
    for (const ir::Network& network : model.module().networks)
        if (!network.weights.empty()) now.weights[network.name] = network.checksum;
    for (const std::string& change : changes(record, now)) progress.message(change);
    record = std::move(now);
}

/// The copy of the model lets the run be resumed alone.
bool OpenedRun::write_beginnings() {
    if (options.overwrite || options.resume != goes_on()) folder->clear();
    record.model = model.module().name;
    record.version = options.version;
    record.origin = model.module().origin;
    record.sources = model.module().files;
    if (tuning_ != nullptr) record.contractions = tuning_->used();
    std::error_code error;
    fs::create_directories(path("samples"), error);  // an error shows when a picture is written
    if (!copy_model() || !write_run_record(path("run.json"), record, diagnostics)) return false;
    auto opened = RunLog::open(folder->path(), record,
                               {goes_on(), training.step, options.tensorboard, model.batch_size()},
                               diagnostics);
    if (opened.ok()) log.emplace(opened.take());
    return opened.ok();
}

bool OpenedRun::write_untrained(Progress& progress) {
    const Saving saving(options.stop);
    return begin_states(progress) && write_beginnings() &&
           write_checkpoint(path(kCheckpointName), model.states(), training, diagnostics);
}

bool OpenedRun::copy_model() {
    std::error_code same;
    if (fs::equivalent(model.path(), path("model.gmc"), same) && !same) return true;
    const auto text = read_whole_file(model.path(), uint64_t{1} << 32, diagnostics);
    return text.ok() && write_file_atomically(path("model.gmc"), *text, diagnostics);
}

bool OpenedRun::stops_early() const {
    return !policy.stopping_metric.empty() && training.stopping.epochs_since >= policy.patience;
}

std::string OpenedRun::why_early() const {
    return fmt::format("training ended early: `{}` was best, {:.6g}, {} epochs ago",
                       policy.stopping_metric, training.stopping.best.value_or(0),
                       training.stopping.epochs_since);
}

bool OpenedRun::finished() const {
    return training.pass >= epochs || stops_early() ||
           (options.steps_most && training.step >= *options.steps_most);
}

}  // namespace gmc::runtime
