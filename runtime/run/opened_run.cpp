// Opens a run: its folder, the record of a resumed one, data, states, and what is written before
// the first step.
#include "runtime/run/opened_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/data/data_summary.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/data/odd_values.h"
#include "runtime/files/atomic_file.h"
#include "runtime/run/validation.h"
#include "runtime/tensorboard/event_file.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

OpenedRun::OpenedRun(LoadedModel& trained, const TrainOptions& asked, Diagnostics& reported)
    : model(trained),
      options(asked),
      policy(asked.policy.value_or(trained.module().run)),
      diagnostics(reported),
      tuning_(asked.tuning) {}

OpenedRun::~OpenedRun() {
    before_.put_back();
    if (recorded_choices_) model.set_tuning(nullptr);
}

bool OpenedRun::open() {
    if (open_folder() && take_up_record() && can_draw() && take_local_steps() && keep_end())
        return true;
    if (folder) folder->discard();
    return false;
}

bool OpenedRun::open_folder() {
    using Use = RunFolder::Use;
    const Use use = options.resume ? Use::kResume : options.overwrite ? Use::kOverwrite : Use::kNew;
    auto found = options.run_directory.empty()
                     ? RunFolder::make_next(model.module().name, diagnostics)
                     : RunFolder::open(options.run_directory, use, diagnostics);
    if (!found.ok()) return false;
    folder.emplace(found.take());
    return !options.resume || folder->can_go_on(model.module(), diagnostics);
}

/// A resumed run is computed with the settings that it was trained with last.
bool OpenedRun::take_up_record() {
    record.seed = options.seed.value_or(1);
    record.tuned = tuning_ != nullptr;
    record.bf16 = options.bf16;
    record.local = {options.local_steps.value_or(0), options.outer.value_or(OuterStep::kAverage)};
    record.processes = model.group() == nullptr ? 1 : model.group()->size();
    record.init = options.init;
    record.init_layout = options.init_layout;
    if (options.resume && is_there(path("run.json"))) {
        auto begun = read_run_record(path("run.json"), diagnostics);
        if (!begun.ok()) return false;
        record = begun.take();
        is_recorded_ = true;
        follow_record();
    }
    follow_settings();
    if (!is_of_this_model()) return false;
    goal_before_ = record.epochs.value_or(model.module().training->epochs);
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

/// Weights are there only where they have just been averaged, so the run ends with such a step.
bool OpenedRun::take_local_steps() {
    const auto refuse = [&](const std::string& what, const std::string& help) {
        diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", what).help(help);
        return false;
    };
    const int64_t every = record.local.every;
    if (options.local_steps && *options.local_steps != every)
        return refuse(
            fmt::format(
                "the run in `{}` was begun {}, so it cannot go on with --local-steps {}",
                folder->path(),
                every == 0 ? "without local steps" : fmt::format("with --local-steps {}", every),
                *options.local_steps),
            "leave --local-steps out, or start another run with it");
    if (options.outer && (every == 0 || *options.outer != record.local.outer))
        return refuse(
            fmt::format("the run in `{}` was begun {}, so it cannot go on with --outer-step {}",
                        folder->path(),
                        every == 0
                            ? "without local steps"
                            : fmt::format("with --outer-step {}", name_of(record.local.outer)),
                        name_of(*options.outer)),
            "leave --outer-step out, or start another run with it");
    if (every == 0) return true;
    if (model.group() == nullptr)
        return refuse(
            fmt::format("the run in `{}` takes local steps in several processes", folder->path()),
            fmt::format("`mpirun -n {} gmrun train ... --resume` goes on with it, as does any "
                        "number of processes from 2 on",
                        record.processes));
    if (model.states().slots() != nullptr)
        return refuse(
            "--shard-optimizer shares what --local-steps has each process keep as a whole",
            "leave one of them out");
    if (options.steps_most && *options.steps_most % every != 0)
        return refuse(fmt::format("a run of --local-steps {} cannot stop after step {}, where its "
                                  "processes have different weights",
                                  every, *options.steps_most),
                      fmt::format("--steps {}, say", (*options.steps_most / every + 1) * every));
    if (const std::string why = why_no_local_steps(model.module()); !why.empty())
        return refuse(why, "leave --local-steps out: then the processes share each step");
    model.set_local_steps(record.local);
    return true;
}

/// The end that was asked for is kept before anything is measured or read, which may take long: a
/// run that is killed meanwhile still knows it.
bool OpenedRun::keep_end() {
    TrainingState at;
    if (goes_on()) {
        const auto header = read_checkpoint_header(path(kCheckpointName), diagnostics);
        if (!header.ok()) return false;
        at = header->training;
    }
    if (options.stop != nullptr && !options.in_copy && !options.overwrite)
        options.stop->checkpoint = goes_on() ? at.step : StopRequest::kNone;
    epochs = record.epochs.value_or(model.module().training->epochs);
    if (options.more_epochs > 0) {
        const bool early = stops_early(at);
        // Who asks for more after an early end has patience, each time.
        if (early || record.patient_from > 0) record.patient_from = at.pass;
        record.epochs = epochs =
            (early ? at.pass : std::max(epochs, at.pass)) + options.more_epochs;
    }
    const bool is_later = options.more_epochs > 0 || (options.epochs && *options.epochs > at.pass);
    if (!is_later || !options.resume || !is_there(path("run.json"))) return true;
    return before_.keep(path("run.json"), diagnostics) &&
           write_run_record(path("run.json"), record, diagnostics);
}

/// What was not said anew is as it was.
void OpenedRun::follow_settings() {
    RunSettings& settings = record.settings;
    settings_before_ = settings;
    if (options.checkpoint_every) settings.checkpoint_every = options.checkpoint_every;
    if (options.log_every) settings.log_every = options.log_every;
    if (options.sample_count) settings.samples = options.sample_count;
    settings.tensorboard = !options.in_copy && (options.tensorboard || settings.tensorboard);
    if (!settings.checkpoint_every) return;
    policy.checkpoint_steps = settings.checkpoint_every->steps;
    policy.checkpoint_seconds = settings.checkpoint_every->seconds;
}

int64_t OpenedRun::log_every(const RunSettings& settings) const {
    constexpr int64_t kMost = 50;  // unless asked for
    const int64_t length = loader->batches_per_epoch(), round = runner->batches_per_round();
    return settings.log_every.value_or(std::clamp<int64_t>((length + round - 1) / round, 1, kMost));
}

/// The record and the checkpoint each say of which model they are: a checkpoint may have been
/// copied here from another run, and the record may be gone.
bool OpenedRun::is_of_this_model() {
    const ir::Origin& origin = model.module().origin;
    const auto say_if_changed = [&] {
        if (origin.model.starts_with(ir::Origin::kChanged)) note_changed_module();
        return false;
    };
    if (is_recorded_ && !train_alike(record.origin.model, origin.model)) {
        is_another_run(folder->path(), kOtherModel, model.path(), diagnostics);
        return say_if_changed();
    }
    if (!goes_on()) return true;
    const auto header = read_checkpoint_header(path(kCheckpointName), diagnostics);
    if (!header.ok()) {
        help_with_kept_checkpoint(folder->path(), diagnostics);
        return false;
    }
    if (!train_alike(header->model_fingerprint, origin.model)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` is a checkpoint of {} than those of `{}`",
                   path(kCheckpointName), kOtherModel, model.path())
            .help("put the run's own checkpoint there, or begin another run with --init");
        return say_if_changed();
    }
    if (!is_there(path("run.json"))) {
        diagnostics.warning(DiagnosticKind::kBadFile, {},
                            "`{}` is missing: the run goes on, but maybe not to the bit",
                            path("run.json"));
        record.seed = header->training.seed;
    }
    if (record.seed == header->training.seed) return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` has seed {}, but `{}` has seed {}: they are of two runs", path("run.json"),
               record.seed, path(kCheckpointName), header->training.seed)
        .help(fmt::format("without `{}` the run goes on as the checkpoint says", path("run.json")));
    return false;
}

void OpenedRun::follow_record() {
    record.bf16 = record.bf16 && options.bf16;  // as it is trained last, like instructions
    if (!record.bf16) model.disable_bf16();
    if (record.tuned && tuning_ == nullptr) {
        tuning_ = &recorded_choices_.emplace("", tuning_machine());
        tuning_->measure_nothing();
    }
    if (!record.tuned) tuning_ = nullptr;
    if (tuning_ != nullptr) tuning_->pin(record.contractions);
    model.set_tuning(tuning_);
}

namespace {

/// Tells, once, that the data are being read, where that takes more than a moment.
class SlowReading {
  public:
    /// Waits a moment for what is read ahead. `progress`: null: nothing is told.
    SlowReading(Progress* progress, const DataPlan& data) : progress_(progress) {
        if (progress != nullptr && !data.is_read_within(kMoment)) tell();
    }
    /// To be called between parts of the work.
    void tell() {
        if (progress_ == nullptr || std::chrono::steady_clock::now() - begin_ < kMoment) return;
        std::exchange(progress_, nullptr)->message("reading the data ...");
    }

  private:
    static constexpr std::chrono::seconds kMoment{1};
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    Progress* progress_;
};

}  // namespace

bool OpenedRun::prepare(Progress& progress) {
    SlowReading slow(options.quiet ? nullptr : &progress, model.data());
    LoaderOptions how = model.training_options(record.seed);
    how.block = record.block;
    auto made = model.data().make_loader(DataSplit::kTrain, how, diagnostics);
    if (!made.ok() || !begin_states(progress)) return false;
    loader = made.take();
    if (record.block == 0) record.block = loader->dataset().block();
    slow.tell();
    if (!is_where_it_can_be() || !take_up_data()) return false;
    slow.tell();
    if (!prepare_validation()) return false;
    say_what_was_seen(progress);
    take_up_test_data();
    const DataSummary summary = summarise(loader->dataset());
    record.ranges.clear();
    for (const FieldSummary& field : summary.fields) {
        if (field.values) record.ranges[field.name] = *field.values;
        if (const auto* declared = ir::find_field(model.module().data, field.name)) {
            if (field.values)
                warn_of_odd_values(*declared, {*field.values, field.looked_at, field.all_equal}, {},
                                   diagnostics);
            warn_of_constant_columns(*declared, diagnostics);
        }
    }
    data_text_ = to_text(summary);
    if (!can_draw() || (goes_on() && !keep_under_other_names())) return false;
    watch_validation(progress);
    go_to_next_batch(progress);
    return true;
}

/// Where the batches are larger than before, or the data fewer, too few examples may be left of the
/// epoch: then it has ended, and what is done at its end comes before the next step.
void OpenedRun::go_to_next_batch(Progress& progress) {
    loader->seek(cursor());
    const Cursor next = loader->cursor();
    training.epoch = loader->passes(next);
    if (next.epoch == training.pass) return;
    const int64_t left = std::max<int64_t>(loader->dataset().count() - training.example, 0);
    training.pass = next.epoch;
    training.example = 0;
    training.epoch_end_left = true;
    progress.message(
        left == 0 ? fmt::format("epoch {} ends here: the data have no more examples", training.pass)
                  : fmt::format(
                        "epoch {} ends here: {} of its examples {} left, fewer than a batch of {}",
                        training.pass, left, left == 1 ? "is" : "are", model.batch_size()));
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

/// What is watched: a figure, and which of its values is the best.
static std::string watched_as(const std::string& figure, bool highest) {
    return highest && !figure.empty() ? "highest " + figure : figure;
}

/// Figures of other examples, or other figures, cannot be compared: then the best and the patience
/// begin anew. An older checkpoint does not say what its best is of: the record has to tell then.
void OpenedRun::watch_validation(Progress& progress) {
    best_by_ = training.best.figure;
    if (!validation) return;
    const std::string values = fingerprint(validation->dataset());
    const std::string now =
        in_short(fingerprint_as(validation->dataset(), training.validation, values));
    const auto count_and_checksum = [](const std::string& of) {
        return of.substr(0, of.find(' '));
    };
    const auto others = [&] {
        if (training.validation.empty())
            return record.validate_share != policy.validate_share ||
                   (record.examples != 0 && record.examples != loader->dataset().count());
        return !now.empty() &&
               (count_and_checksum(now) != count_and_checksum(training.validation) ||
                !may_be_same_data(training.validation, now));
    };
    const bool is_known = !training.validation.empty();
    const bool other_data = (is_known || training.best.best || training.stopping.best) && others();
    if (other_data && is_known)
        changed_.push_back(fmt::format("validation data `{}`, now `{}`",
                                       count_and_checksum(training.validation),
                                       count_and_checksum(now)));
    std::vector<std::string> anew;
    const auto watch_from_here = [&](Watched& watched, const std::string& figure,
                                     const char* what) {
        const bool other_figure = !watched.figure.empty() && watched.figure != figure;
        if (watched.figure.empty()) watched.figure = figure;
        if (!other_data && (figure.empty() || !other_figure)) return;
        if (watched.best && !figure.empty()) anew.emplace_back(what);
        watched = {.figure = figure};
    };
    watch_from_here(training.best, watched_as(policy.keep_best, policy.best_is_highest),
                    "the best checkpoint");
    watch_from_here(training.stopping,
                    watched_as(policy.stopping_metric, policy.stopping_is_highest),
                    "the patience of `early_stopping`");
    if (!now.empty()) training.validation = in_short(values);
    if (!anew.empty())
        progress.message(fmt::format("{}: {} begin{} anew",
                                     other_data ? "the validation data are others than before"
                                                : "another figure of validation is watched",
                                     fmt::join(anew, " and "), anew.size() == 1 ? "s" : ""));
}

/// A process that was killed after it wrote a checkpoint that was due may not have kept it under
/// its other names. With local steps it is written at the next average.
bool OpenedRun::keep_under_other_names() {
    const KeptCheckpoints kept = kept_checkpoints();
    const int64_t every = policy.checkpoint_steps, average = record.local.every;
    const bool at_pace =
        every > 0 && training.step > 0 && training.step % every < std::max<int64_t>(average, 1);
    before_.keep_absence(path("checkpoints/" + name_of_kept_step(training.step)));
    if ((at_pace || ends_epoch()) && !kept.add(training.step, diagnostics)) return false;
    const bool is_best = training.best.epochs_since == 0 && ends_epoch();
    return kept.find_best(training, is_best, before_, diagnostics);
}

/// A best that cannot be compared with those to come is not overwritten by them.
bool OpenedRun::keep_older_best() {
    if (policy.keep_best.empty() || training.best.best) return true;
    const auto name = kept_checkpoints().set_best_aside(best_by_, diagnostics);
    if (name.ok() && !name->empty()) before_.keep_name(path(kBestName), path(*name));
    if (name.ok() && !name->empty() && !options.in_copy)
        say("gmrun: the best checkpoint so far{} is kept as `{}`\n",
            best_by_.empty() ? "" : fmt::format(", by `{}`,", best_by_), path(*name));
    return name.ok();
}

void OpenedRun::drop_checkpoints() const { kept_checkpoints().drop(training.step); }

KeptCheckpoints OpenedRun::kept_checkpoints(const std::string& at) const {
    const std::string& by = training.best.figure;
    KnownBest best{{}, by.substr(by.rfind(' ') + 1), record.seed, model.module().origin.model};
    if (!policy.keep_best.empty()) best.value = training.best.best;
    return {at, policy.keep_last, std::move(best), folder->path()};
}

bool OpenedRun::begin_states(Progress& progress) {
    if (std::exchange(has_states_, true)) return true;
    if (goes_on())
        return read_checkpoint(path(kCheckpointName), model.states(), training, diagnostics) &&
               read_epoch_start(path(kCheckpointName), model.states(), training, diagnostics) &&
               read_outer_momentum(path(kCheckpointName), model.states(), training, diagnostics);
    const auto all = fill_first_states(diagnostics);
    if (!all.ok()) return false;
    record.validate_share = record.kept_out = policy.validate_share;
    if (!record.init.empty()) {
        training.init = all->back().file;
        record.init_checksum = all->back().checksum;
        take_up_kept_out();
    }
    record.begun_with.clear();
    for (const TakenWeights& taken : *all) {
        record.begun_with.push_back(taken.summary());
        for (const std::string& line : taken.lines()) progress.message(line);
    }
    begin_epoch(training);
    return true;
}

bool OpenedRun::share_slots() {
    SlotParts* slots = model.states().slots();
    if (slots == nullptr) return true;
    slots->begin();
    return !goes_on() || share_slots_of(path(kCheckpointName), *slots, diagnostics);
}

void OpenedRun::begin_epoch(TrainingState& at) const {
    at.epoch_began = at.step;
    at.epoch_end_left = false;
    at.epoch_start = std::make_shared<const KeptWeights>(keep_weights(model.states()));
}

/// Tells the user what makes the resumed run differ from an uninterrupted one.
void OpenedRun::say_what_changed(Progress& progress) {
    RunRecord now = record;
    now.data = data_text_;
    now.machine = options.in_copy ? record.machine : tuning_machine();
    now.avx2 = options.in_copy ? record.avx2 : is_restricted_to_avx2();
    now.threads = thread_count();
    now.processes = model.group() == nullptr ? 1 : model.group()->size();
    now.examples = loader->dataset().count();
    now.validate_share = policy.validate_share;
    if (goes_on()) now.kept_out = std::min(record.kept_out, now.validate_share);
    now.precision = model.is_bf16() ? "bf16" : "f32";
    for (const ir::Network& network : model.module().networks)
        if (!network.weights.empty()) now.weights[network.name] = network.checksum;
    note_choices(now);
    if (!options.told_before)
        for (const std::string& change : changes(record, now)) progress.message(change);
    if (!options.told_before && !not_compared_.empty()) progress.message(not_compared_);
    if (goes_on()) {
        if (!options.changed.empty()) changed_.push_back(options.changed);
        for (const std::string& change : logged_changes(record, now))
            if (options.changed.find(change) == std::string::npos) changed_.push_back(change);
    }
    if (training.rate < 1 && !options.told_before)
        progress.message(
            fmt::format("updates are {:.4g} of what the model says: `lower_rate` made them smaller "
                        "where training had diverged",
                        training.rate));
    record = std::move(now);
}

std::map<std::string, std::string> OpenedRun::chosen() const {
    RunRecord with = record;
    note_choices(with);
    return with.contractions;
}

void OpenedRun::note_choices(RunRecord& in) const {
    if (tuning_ == nullptr) return;
    for (const auto& [problem, choice] : tuning_->used()) in.contractions[problem] = choice;
}

/// Functions that measure and sample are bound after the first epoch.
bool OpenedRun::keep_choices() {
    const auto before = record.contractions;
    note_choices(record);
    return record.contractions == before || write_run_record(path("run.json"), record, diagnostics);
}

/// A model that stays is not read into memory.
bool OpenedRun::keep_files_before() {
    step_before_ = training.step;
    before_.keep_names(folder->path(), tensorboard::is_event_file);
    std::error_code none;
    const bool same_model = fs::equivalent(model.path(), path("model.gmc"), none) && !none;
    return before_.keep(path("run.json"), diagnostics) &&
           before_.keep(path("metrics.jsonl"), diagnostics) && drop_picture_of_stop() &&
           (same_model || before_.keep(path("model.gmc"), diagnostics));
}

/// The copy of the model lets the run be resumed alone.
bool OpenedRun::write_beginnings() {
    if (!goes_on() && !folder->begin_new(options.overwrite, diagnostics)) return false;
    if (goes_on() && !keep_files_before()) return false;
    record.model = model.module().name;
    record.version = options.version;
    record.origin = model.module().origin;
    record.sources = model.module().files;
    note_choices(record);
    if (!write_model_and_record() || !open_log()) return false;
    if (!goes_on()) {
        has_changed();
        return true;
    }
    if (!keep_older_best()) return false;
    const std::string& by = training.computed_by;
    if (!by.empty() && by != model.checksum_of_steps() && options.changed.empty())
        changed_.emplace_back(has_its_model_ ? "the model, by a process that was killed"
                                             : "the model");
    if (changed_.empty() || options.in_copy) return true;
    MetricsRow row(training.step, epoch_number());
    row.add("changed", fmt::format("{}", fmt::join(changed_, "; ")));
    if (!log->write({row}, diagnostics)) return false;
    // So all steps between two kept checkpoints are computed in one way, and can be repeated.
    return !folder->has_checkpoint() || kept_while_training().add(training.step, diagnostics);
}

bool OpenedRun::open_log() {
    RunLog::Options how{.resume = goes_on(),
                        .step = training.step,
                        .epoch_end_left = training.epoch_end_left,
                        .tensorboard = record.settings.tensorboard,
                        .batch_size = model.batch_size()};
    if (how.resume) how.every = log_every(settings_before_);
    auto opened = RunLog::open(folder->path(), record, how, diagnostics);
    if (!opened.ok()) return false;
    log.emplace(opened.take());
    if (how.resume && !options.in_copy) warn_of_lost_lines(how.every);
    if (how.resume && options.show_warnings) options.show_warnings(diagnostics);
    return true;
}

/// Of every `every` steps until the checkpoint there was a line.
void OpenedRun::warn_of_lost_lines(int64_t every) {
    const int64_t due = training.step / every * every, last = log->ended_at().value_or(0);
    if (last >= due) return;
    diagnostics.warning(DiagnosticKind::kBadFile, {},
                        "`{}` {}, but the checkpoint is of step {}: the lines between are lost",
                        path("metrics.jsonl"),
                        last == 0 ? "has no lines" : fmt::format("ends at step {}", last),
                        training.step);
}

bool OpenedRun::write_untrained(Progress& progress) {
    const Saving saving(options.stop);
    if (!begin_states(progress) || !begins_in_its_folder() || !write_beginnings() ||
        !write_checkpoint(path(kCheckpointName), model.states(), training, diagnostics))
        return false;
    if (options.stop != nullptr && !options.in_copy) options.stop->checkpoint = training.step;
    return true;
}

/// Writes the copy of the model and the record. On a full disk none of the two is replaced.
bool OpenedRun::write_model_and_record() {
    constexpr size_t kKeptMost = 64 << 20;  // in memory
    const std::string to = path("model.gmc");
    std::error_code same;
    const bool is_copy = fs::equivalent(model.path(), to, same) && !same;
    const auto text = read_whole_file(model.path(), uint64_t{1} << 32, diagnostics);
    if (text.ok() && text->size() <= kKeptMost) model_text_ = *text;
    const auto record_too = [&] { return write_run_record(path("run.json"), record, diagnostics); };
    has_its_model_ = is_copy || (text.ok() && has_bytes(to, *text));
    if (has_its_model_) return record_too();
    if (!text.ok()) return false;
    auto file = AtomicFile::create(to, diagnostics);
    return file.ok() && file->write(*text, diagnostics) && record_too() &&
           file->commit(diagnostics);
}

bool OpenedRun::finished() const {
    return training.pass >= epochs || stops_early() ||
           (options.steps_most && training.step >= *options.steps_most);
}

}  // namespace gmc::runtime
