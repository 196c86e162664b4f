// The training loop. It prepares the run's folder and states, runs steps, and writes states that
// are known to be good.
#include "runtime/run/trainer.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/data/data_summary.h"
#include "runtime/files/atomic_file.h"
#include "runtime/output/progress.h"
#include "runtime/run/epoch_signs.h"
#include "runtime/run/good_state.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/replay.h"
#include "runtime/run/run_folder.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "runtime/run/validation.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/picture.h"
#include "runtime/train/step_runner.h"
#include "runtime/train/take_weights.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// A state is kept every so many steps, so at most this many steps are repeated to get back to the
/// last good one.
constexpr int64_t kKeepEvery = 100;
constexpr int64_t kLogEveryMost = 50;  ///< steps between lines of metrics, unless asked for

double now_s() { return static_cast<double>(steady_ns()) * 1e-9; }

/// One run.
class Run {
  public:
    Run(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics)
        : model_(model),
          options_(options),
          policy_(options.policy.value_or(model.module().run)),
          diagnostics_(diagnostics),
          tuning_(options.tuning) {}
    ~Run() {
        if (replay_) model_.set_tuning(nullptr);
    }

    TrainResult go() {
        if (!open_folder() || !take_up_record()) return {TrainEnd::kNotStarted, ""};
        const TrainEnd end = begin_and_loop();
        if (end == TrainEnd::kNotStarted) folder_->discard();
        return {end, folder_->path()};
    }

  private:
    std::string path(const std::string& name) const { return folder_->file(name); }
    bool stop_asked() const { return options_.stop != nullptr && options_.stop->asked(); }

    TrainEnd begin_and_loop() {
        Progress progress(stdout);
        if (is_only_begun()) return begin(progress);
        try {
            runner_.emplace(model_, diagnostics_);
        } catch (const MeasuringStopped&) {
            const TrainEnd end = goes_on() ? TrainEnd::kDone : begin(progress);
            return end == TrainEnd::kDone ? interrupted(progress) : end;
        }
        if (!runner_->ok() || !prepare(progress)) return TrainEnd::kNotStarted;
        if (finished()) return nothing_left(progress);
        if (!write_beginnings()) return TrainEnd::kNotStarted;
        const TrainEnd end = loop_or_stop(progress);
        loader_->dataset().add_warnings(diagnostics_);
        if (!options_.quiet) progress.finish();
        return end;
    }

    // ---- before the first step ----

    bool open_folder() {
        using Use = RunFolder::Use;
        const Use use = options_.resume      ? Use::kResume
                        : options_.overwrite ? Use::kOverwrite
                                             : Use::kNew;
        auto folder = options_.run_directory.empty()
                          ? RunFolder::make_next(model_.module().name, diagnostics_)
                          : RunFolder::open(options_.run_directory, use, diagnostics_);
        if (!folder.ok()) return false;
        folder_.emplace(folder.take());
        return !options_.resume || folder_->can_go_on(model_.module().name, diagnostics_);
    }

    /// A resumed run is computed with the settings that it was begun with.
    bool take_up_record() {
        record_.seed = options_.seed.value_or(1);
        record_.tuned = tuning_ != nullptr;
        record_.bf16 = options_.bf16;
        record_.init = options_.init;
        record_.init_layout = options_.init_layout;
        if (options_.resume && is_there(path("run.json"))) {
            auto record = read_run_record(path("run.json"), diagnostics_);
            if (!record.ok()) return false;
            record_ = record.take();
            if (!is_of_model(record_, folder_->path(), model_.module().origin, model_.path(),
                             diagnostics_))
                return false;
            follow_record();
        }
        if (options_.epochs) record_.epochs = options_.epochs;
        training_.seed = record_.seed;
        if (options_.seed && *options_.seed != record_.seed) {
            diagnostics_
                .error(DiagnosticKind::kBadValue, {},
                       "the run in `{}` has seed {}, so it cannot go on with seed {}",
                       folder_->path(), record_.seed, *options_.seed)
                .help("leave --seed out, or start another run with it");
            return false;
        }
        return true;
    }

    void follow_record() {
        if (!record_.bf16) model_.disable_bf16();
        if (record_.tuned && tuning_ == nullptr) tuning_ = &replay_.emplace("", tuning_machine());
        if (!record_.tuned) tuning_ = nullptr;
        if (tuning_ != nullptr) tuning_->pin(record_.contractions);
        model_.set_tuning(tuning_);
    }

    bool prepare(Progress& progress) {
        auto loader = model_.data().make_loader(
            DataSplit::kTrain, {model_.batch_size(), LoaderMode::kTrain, record_.seed, 2},
            diagnostics_);
        if (!loader.ok() || !begin_states(progress)) return false;
        loader_ = loader.take();
        if (!prepare_validation()) return false;
        if (options_.show_warnings) options_.show_warnings(diagnostics_);
        const DataSummary summary = summarise(loader_->dataset());
        const std::string data = to_text(summary);
        if (!options_.quiet) progress.message(data);
        loader_->seek(cursor());
        training_.epoch =
            static_cast<double>(training_.pass) +
            static_cast<double>(cursor().batch) / static_cast<double>(loader_->batches_per_epoch());
        epochs_ = record_.epochs.value_or(model_.module().training->epochs);
        if (options_.more_epochs > 0)
            record_.epochs = epochs_ = std::max(epochs_, training_.pass) + options_.more_epochs;
        say_what_changed(data, progress);
        record_.ranges.clear();
        for (const FieldSummary& field : summary.fields)
            if (field.values) record_.ranges[field.name] = *field.values;
        return true;
    }

    /// The test data, or a share of the training data, which is then not trained on.
    bool prepare_validation() {
        const LoaderOptions options{model_.batch_size(), LoaderMode::kEvaluate, record_.seed, 0};
        if (policy_.validate_test) {
            auto loader = model_.data().make_loader(DataSplit::kTest, options, diagnostics_);
            if (loader.ok()) validation_ = loader.take();
            return loader.ok();
        }
        if (policy_.validate_share == 0) return true;
        auto parts =
            split_dataset(loader_->dataset(), policy_.validate_share, record_.seed, diagnostics_);
        if (!parts.ok()) return false;
        auto validation = Loader::create(parts->validation, options, diagnostics_);
        auto training = Loader::create(parts->training, loader_->options(), diagnostics_);
        if (!validation.ok() || !training.ok()) return false;
        validation_ = validation.take();
        loader_ = training.take();
        return true;
    }

    /// A run that was killed before its first checkpoint begins anew, as it began.
    bool goes_on() const { return options_.resume && folder_->has_checkpoint(); }

    bool begin_states(Progress& progress) {
        if (goes_on())
            return read_checkpoint(path(kCheckpointName), model_.states(), training_, diagnostics_);
        if (!model_.states().initialise(training_.seed, diagnostics_)) return false;
        auto all = take_named_weights(model_.states(), diagnostics_);
        if (!all.ok()) return false;
        if (!record_.init.empty()) {
            const auto taken =
                take_weights(record_.init, record_.init_layout, model_.states(), diagnostics_);
            if (!taken.ok()) return false;
            training_.init = taken->file;
            all->push_back(*taken);
        }
        for (const TakenWeights& taken : *all)
            for (const std::string& line : taken.lines()) progress.message(line);
        return true;
    }

    /// Tells the user what makes the resumed run differ from an uninterrupted one.
    void say_what_changed(const std::string& data, Progress& progress) {
        RunRecord now = record_;
        now.data = data;
        now.machine = tuning_machine();
        now.threads = omp_get_max_threads();
        now.examples = loader_->dataset().count();
        now.precision = model_.is_bf16() ? "bf16" : "f32";
        for (const ir::Network& network : model_.module().networks)
            if (!network.weights.empty()) now.weights[network.name] = network.checksum;
        for (const std::string& change : changes(record_, now)) progress.message(change);
        record_ = std::move(now);
    }

    TrainEnd nothing_left(Progress& progress) {
        if (training_.pass >= epochs_)
            progress.message(fmt::format(
                "nothing is left to do in {}: {} epochs are done of {} asked for; --more-epochs N "
                "goes on",
                folder_->path(), training_.pass, epochs_));
        else if (stops_early())
            progress.message(
                fmt::format("nothing is left to do in {}: {}", folder_->path(), why_early()));
        else
            progress.message(fmt::format("nothing is left to do in {}: {} of {} steps are done",
                                         folder_->path(), training_.step, *options_.steps_most));
        return TrainEnd::kDone;
    }

    /// With a copy of the model, so that the run can be sampled and resumed without the original.
    bool write_beginnings() {
        if (options_.overwrite || options_.resume != goes_on()) folder_->clear();
        record_.model = model_.module().name;
        record_.version = options_.version;
        record_.origin = model_.module().origin;
        record_.sources = model_.module().files;
        if (tuning_ != nullptr) record_.contractions = tuning_->used();
        if (!copy_model() || !write_run_record(path("run.json"), record_, diagnostics_))
            return false;
        auto log = RunLog::open(
            folder_->path(), record_,
            {goes_on(), training_.step, options_.tensorboard, model_.batch_size()}, diagnostics_);
        if (log.ok()) log_.emplace(log.take());
        return log.ok();
    }

    bool copy_model() {
        std::error_code same;
        if (fs::equivalent(model_.path(), path("model.gmc"), same) && !same) return true;
        const auto text = read_whole_file(model_.path(), uint64_t{1} << 32, diagnostics_);
        return text.ok() && write_file_atomically(path("model.gmc"), *text, diagnostics_);
    }

    bool is_only_begun() const { return !options_.resume && options_.steps_most == 0; }

    /// Writes a new run without a step: with --steps 0, where its weights are those of --init, and
    /// when training is asked to stop while contractions are being measured.
    TrainEnd begin(Progress& progress) {
        const Saving saving(options_.stop);
        return begin_states(progress) && write_beginnings() &&
                       write_checkpoint(path(kCheckpointName), model_.states(), training_,
                                        diagnostics_)
                   ? TrainEnd::kDone
                   : TrainEnd::kNotStarted;
    }

    // ---- steps ----
    Cursor cursor() const { return training_.cursor(model_.batch_size()); }
    bool stops_early() const {
        return !policy_.stopping_metric.empty() &&
               training_.stopping.epochs_since >= policy_.patience;
    }
    std::string why_early() const {
        return fmt::format("training ended early: `{}` was best, {:.6g}, {} epochs ago",
                           policy_.stopping_metric, training_.stopping.best.value_or(0),
                           training_.stopping.epochs_since);
    }
    bool finished() const {
        return training_.pass >= epochs_ || stops_early() ||
               (options_.steps_most && training_.step >= *options_.steps_most);
    }

    /// Drawing samples measures contractions of its own, and binds another function; so that is
    /// done after saving.
    TrainEnd loop_or_stop(Progress& progress) {
        try {
            return loop(progress);
        } catch (const MeasuringStopped&) {
            return interrupted(progress);
        }
    }

    TrainEnd loop(Progress& progress) {
        RateMeter rate;
        good_.keep(model_.states(), training_);
        saved_step_ = training_.step;
        saved_s_ = now_s();
        before_ = cursor();
        signs_.begin(model_.states());
        count_steps();
        if (policy_.on_divergence != "stop" && !folder_->has_checkpoint()) {
            const TrainEnd end = save();  // where a rollback can go back to
            if (end != TrainEnd::kDone) return end;
        }
        while (!finished()) {
            if (stop_asked()) return interrupt(progress);
            before_ = cursor();
            if (!runner_->run(*loader_, training_, diagnostics_)) return data_failed();
            rate.add(model_.batch_size() * runner_->batches_per_round(), now_s());
            signs_.add(runner_->values());
            if (!report(progress, rate)) return log_failed();
            const std::string bad = runner_->first_not_finite();
            TrainEnd end =
                bad.empty() ? save_where_due(progress) : diverged(fmt::format("`{}`", bad));
            if (end == TrainEnd::kDiverged && roll_back(progress)) end = TrainEnd::kDone;
            if (end != TrainEnd::kDone) return end;
        }
        if (stops_early()) progress.message(why_early());
        return TrainEnd::kDone;
    }

    /// Saves when a checkpoint is due. kDone means that the loop goes on.
    TrainEnd save_where_due(Progress& progress) {
        const bool epoch_ends = training_.pass > before_.epoch || finished();
        const bool due =
            (policy_.checkpoint_steps > 0 &&
             training_.step - saved_step_ >= policy_.checkpoint_steps) ||
            (policy_.checkpoint_seconds > 0 && now_s() - saved_s_ >= policy_.checkpoint_seconds);
        if (epoch_ends || due) {
            bool best = false;
            if (training_.pass > before_.epoch && validation_ && !validate(progress, best))
                return TrainEnd::kFailed;
            const TrainEnd end = save();
            if (end != TrainEnd::kDone) return end;
            const KeptCheckpoints kept(folder_->path(), policy_.keep_last);
            if (!kept.keep(training_.step, diagnostics_) || (best && !kept.keep_best(diagnostics_)))
                return TrainEnd::kFailed;
            if (!epoch_ends) return TrainEnd::kDone;
            if (training_.pass > before_.epoch && !look_for_signs(progress))
                return TrainEnd::kFailed;
            const std::string file = path(fmt::format("samples/epoch-{:03}.png", epoch()));
            if (options_.sample_count != 0 &&
                !(draw_samples(model_, training_.seed, options_.sample_count, record_.ranges, file,
                               diagnostics_) &&
                  log_->picture(file, training_.step, diagnostics_)))
                return TrainEnd::kFailed;
        } else if (training_.step - good_.training().step >= kKeepEvery) {
            if (const std::string bad = first_not_finite(model_.states()); !bad.empty())
                return diverged(fmt::format("state `{}`", bad));
            good_.keep(model_.states(), training_);
        }
        return TrainEnd::kDone;
    }

    /// Figures of validation: on the screen, in the log, and what is watched. One that is not
    /// finite ends nothing: it may be the data's fault. False after an error.
    bool validate(Progress& progress, bool& best) {
        const auto found = evaluate(model_, *validation_, training_.seed, diagnostics_);
        if (!found.ok()) return false;
        MetricsRow row(training_.step, epoch());
        std::string line = fmt::format("epoch {}/{}  validation ", epoch(), epochs_);
        for (const auto& [name, value] : found->values) {
            row.add("validation_" + name, value);
            line += fmt::format("  {} {:.4g}", name, value);
            if (!std::isfinite(value))
                say("gmrun: `{}` of the validation data is not finite after epoch {}; "
                    "training goes on\n",
                    name, epoch());
            if (name == policy_.keep_best)
                best = watch(training_.best, value, policy_.best_is_highest);
            if (name == policy_.stopping_metric)
                watch(training_.stopping, value, policy_.stopping_is_highest);
        }
        if (!options_.quiet) progress.message(line);
        return log_->write(row, diagnostics_);
    }

    /// What the epoch says of the run's health. False after an error.
    bool look_for_signs(Progress& progress) {
        const auto news = signs_.take(model_, loader_->dataset(), loader_->options(), diagnostics_);
        if (!news.ok()) return false;
        for (const Sign& sign : *news) {
            if (!options_.quiet) progress.message(fmt::format("{}: {}", sign.name, sign.text));
            MetricsRow row(training_.step, epoch());
            row.add("sign", sign.name).add("number", sign.number).add("text", sign.text);
            if (!log_->write(row, diagnostics_)) return false;
        }
        return true;
    }

    /// Counts the steps in all, for the progress line, and those between lines of metrics.
    void count_steps() {
        const int64_t length = loader_->batches_per_epoch();
        const int64_t left = std::max<int64_t>(epochs_ - training_.pass, 0) * length -
                             std::min(cursor().batch, length);
        const int64_t round = runner_->batches_per_round();
        steps_ = training_.step + (left + round - 1) / round;
        if (options_.steps_most) steps_ = std::min(steps_, *options_.steps_most);
        log_every_ = options_.log_every.value_or(
            std::clamp<int64_t>((length + round - 1) / round, 1, kLogEveryMost));
    }

    /// Shows progress, and writes a line of metrics every log_every steps and at the last one.
    bool report(Progress& progress, const RateMeter& rate) {
        ProgressState state{epoch(), epochs_, training_.step, steps_, {}, rate.examples_per_s()};
        for (const StepRunner::Named& v : runner_->values())
            state.values.emplace_back(v.name, v.value);
        if (!options_.quiet) progress.update(state);
        if (training_.step % log_every_ != 0 && !finished()) return true;
        MetricsRow row(training_.step, epoch());
        if (rate.examples_per_s() > 0) row.add("examples_per_s", rate.examples_per_s());
        for (const StepRunner::Named& v : runner_->values())
            row.add(v.name, static_cast<float>(v.value));
        return log_->write(row, diagnostics_);
    }

    /// The epoch in which the last step ended, from 1.
    int64_t epoch() const {
        return std::min(training_.pass + (training_.example > 0 ? 1 : 0), epochs_);
    }

    // ---- states that are good ----

    /// Writes the present state if it is good; kDone when it was written.
    TrainEnd save() {
        if (const std::string bad = first_not_finite(model_.states()); !bad.empty())
            return diverged(fmt::format("state `{}`", bad));
        good_.keep(model_.states(), training_);
        if (const std::string bad = try_next_step(); !bad.empty())
            return diverged(fmt::format("`{}` of the next step", bad));
        const Saving saving(options_.stop);
        if (!write_checkpoint(path(kCheckpointName), model_.states(), training_, diagnostics_))
            return TrainEnd::kFailed;
        saved_step_ = training_.step;
        saved_s_ = now_s();
        return TrainEnd::kDone;
    }

    /// The losses of a step belong to the state before it. So whether the present state has finite
    /// losses is only known from one more step on the same batches, which is then taken back. Gives
    /// the name of the loss that is not finite; "" when all are finite.
    std::string try_next_step() {
        if (training_.step == 0) return "";
        TrainingState trial = training_;
        Diagnostics data_gone;  // an error of the data: there is nothing to try the state with
        loader_->seek(before_);
        const bool ran = runner_->run(*loader_, trial, data_gone);
        const std::string bad = ran ? runner_->first_not_finite() : "";
        go_back();
        return bad;
    }

    /// Goes back to the state that was kept.
    void go_back() {
        good_.restore(model_.states());
        training_ = good_.training();
        loader_->seek(cursor());
        model_.set_progress(training_.step, training_.epoch);
    }

    /// Once more with the states of the last checkpoint, and without the batches since. False when
    /// the run is to end.
    bool roll_back(Progress& progress) {
        if (policy_.on_divergence == "stop" || training_.retries >= policy_.retries) return false;
        TrainingState good;
        Diagnostics lost;
        // Also the gaps between states, which optimizers compute along.
        std::fill_n(model_.states().bytes_begin(), model_.states().bytes(), std::byte{0});
        if (!read_checkpoint(path(kCheckpointName), model_.states(), good, lost)) return false;
        training_ = diverged_at_;
        ++training_.retries;
        if (policy_.on_divergence == "lower_rate") training_.rate /= 2;
        loader_->seek(cursor());
        good_.keep(model_.states(), training_);
        progress.message(
            fmt::format("back to the weights of step {}: {} ({} of {} times){}", good.step,
                        why_diverged_, training_.retries, policy_.retries,
                        training_.rate < 1
                            ? fmt::format("; updates are {:.4g} of what they were", training_.rate)
                            : ""));
        MetricsRow row(training_.step, epoch());
        row.add("rolled_back_to", good.step).add("because", why_diverged_);
        return log_->write(row, diagnostics_);
    }

    /// Goes back to the state after `step`. Steps from the kept state on are repeated, and give the
    /// same numbers again.
    void go_back_to(int64_t step) {
        go_back();
        Diagnostics data_gone;
        while (training_.step < step) {
            before_ = cursor();
            if (runner_->run(*loader_, training_, data_gone)) continue;
            go_back();
            return;
        }
    }

    // ---- ends ----

    /// Handles batches that cannot be read. The state is that after the last step, unless the first
    /// functions of the next step have changed it already.
    TrainEnd data_failed() {
        if (runner_->states_changed()) go_back_to(training_.step);
        return keep_after_error("once the data are right");
    }

    /// A step whose line of metrics cannot be written is taken back, or the line would be missing
    /// when the run goes on.
    TrainEnd log_failed() {
        go_back_to(training_.step - 1);
        return keep_after_error("once the folder can be written");
    }

    TrainEnd keep_after_error(const std::string& when) {
        const std::string remedy = when + ", --resume goes on from there";
        Diagnostics again;
        if (save_quietly(again))
            diagnostics_.note_last({}, fmt::format("the state after step {} is kept in `{}`; {}",
                                                   training_.step, path(kCheckpointName), remedy));
        else if (folder_->has_checkpoint())
            diagnostics_.note_last({}, fmt::format("the last checkpoint is kept in `{}`; {}",
                                                   path(kCheckpointName), remedy));
        return TrainEnd::kFailed;
    }

    bool save_quietly(Diagnostics& diagnostics) {
        if (!first_not_finite(model_.states()).empty()) return false;
        good_.keep(model_.states(), training_);
        if (!try_next_step().empty()) return false;
        const Saving saving(options_.stop);
        return write_checkpoint(path(kCheckpointName), model_.states(), training_, diagnostics);
    }

    TrainEnd diverged(const std::string& what) {
        diverged_at_ = training_;
        why_diverged_ =
            fmt::format("{} is not finite after step {} (epoch {})", what, training_.step, epoch());
        const std::string replay =
            write_replay(model_, *runner_, *loader_, good_, training_.step, folder_->path());
        if (options_.on_diverged && !replay.empty()) options_.on_diverged(replay);
        const bool goes_on =
            policy_.on_divergence != "stop" && diverged_at_.retries < policy_.retries;
        if (goes_on) return TrainEnd::kDiverged;  // roll_back() says so
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kDiverged, {}, "{}", why_diverged_)
                .help(folder_->has_checkpoint() ? fmt::format("the last good state is kept in `{}`",
                                                              path(kCheckpointName))
                                                : "there was no checkpoint yet; --checkpoint-every "
                                                  "writes them within an epoch");
        if (!replay.empty())
            error.help(fmt::format("`gmrun replay {}` runs the step again", replay));
        error.help("a smaller learning rate is the usual remedy; so may be `on_divergence`");
        return TrainEnd::kDiverged;
    }

    TrainEnd interrupt(Progress& progress) {
        const TrainEnd end = save();
        return end == TrainEnd::kDone ? interrupted(progress) : end;
    }

    TrainEnd interrupted(Progress& progress) {
        progress.message(
            fmt::format("interrupted after step {}; the checkpoint is written", training_.step));
        return TrainEnd::kInterrupted;
    }

    LoadedModel& model_;
    const TrainOptions& options_;
    const ir::RunPolicy policy_;
    Diagnostics& diagnostics_;
    TuningCache* tuning_;
    std::optional<TuningCache> replay_;  ///< the choices of a resumed run where nothing is measured
    std::optional<RunFolder> folder_;
    RunRecord record_;
    std::optional<StepRunner> runner_;
    TrainingState training_;
    std::unique_ptr<Loader> loader_;
    std::optional<RunLog> log_;
    GoodState good_;
    Cursor before_;  ///< the first batch of the last step
    std::unique_ptr<Loader> validation_;
    EpochSigns signs_;
    TrainingState diverged_at_;  ///< where training stood when a number was not finite
    std::string why_diverged_;
    int64_t epochs_ = 1, steps_ = 0, log_every_ = 1, saved_step_ = 0;
    double saved_s_ = 0;
};
}  // namespace

TrainResult train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics) {
    return Run(model, options, diagnostics).go();
}

}  // namespace gmc::runtime
