// The training loop: it runs steps, writes states that are known to be good, and goes back to the
// last of them. What is done before the first step is in opened_run.cpp.
#include "runtime/run/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/support/say.h"
#include "compiler/support/stop_work.h"
#include "compiler/support/wording.h"
#include "runtime/run/follower.h"
#include "runtime/run/good_state.h"
#include "runtime/run/opened_run.h"
#include "runtime/run/replay.h"
#include "runtime/run/signs.h"
#include "runtime/run/validation.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"

namespace gmc::runtime {
namespace {

/// A state is kept every so many steps, so at most this many steps are repeated to get back to the
/// last good one.
constexpr int64_t kKeepEvery = 100;

/// Why a checkpoint is written: because training stops, because time has passed, or at this step in
/// every run.
enum class Due { kNot, kByClock, kByStep };

double now_s() { return static_cast<double>(steady_ns()) * 1e-9; }

/// `stays`: the run in the folder, which was to be resumed or replaced, is what is left.
TrainEnd interrupted(const OpenedRun& run, Progress& progress, bool stays = false) {
    if (!run.options.in_copy) progress.message(run.why_interrupted(stays));
    return TrainEnd::kInterrupted;
}

TrainEnd nothing_left(OpenedRun& run, Progress& progress) {
    if (!run.draw_what_a_kill_left()) return TrainEnd::kFailed;
    run.drop_checkpoints();
    progress.message(
        fmt::format("nothing is left to do in {}: {}", run.folder->path(), run.why_finished()));
    return TrainEnd::kDone;
}

/// Runs the steps of one run.
class TrainingLoop {
  public:
    /// `run` has everything that it can have.
    TrainingLoop(OpenedRun& run, Progress& progress)
        : run_(run),
          progress_(progress),
          model_(run.model),
          options_(run.options),
          policy_(run.policy),
          diagnostics_(run.diagnostics),
          runner_(*run.runner),
          training_(run.training),
          loader_(*run.loader),
          log_(*run.log),
          way_back_(run) {}

    /// Runs the loop. What is done at the end of an epoch may bind a function and measure its
    /// contractions, during which training may be asked to stop. What was not saved yet is saved
    /// then; what is left to do there is done when the run goes on.
    TrainEnd run() {
        const TakingSteps steps(told_stop());
        try {
            const TrainEnd end = loop();  // while a file is written, somebody may move its folder
            if (end != TrainEnd::kFailed || told_ || run_.is_in_its_folder()) return end;
            return left_behind();
        } catch (const WorkStopped&) {
            if (!run_.is_in_its_folder()) return left_behind();
            return saved_step_ == training_.step ? interrupted(run_, progress_) : interrupt();
        }
    }

    /// Behind an error, unless that told it.
    void tell_what_is_kept() const {
        if (!told_ && !run_.is_lost()) run_.note_unwritten(saved_step_);
    }

  private:
    /// The fields of TrainingState that a step depends on and changes, before it.
    struct StepBegin {
        int64_t step;
        int64_t call;
        int64_t pass, example;
        double epoch;
    };
    StepBegin present() const {
        return {training_.step, training_.call, training_.pass, training_.example, training_.epoch};
    }

    /// What ends long work within an epoch's end; null in a group, whose processes work together.
    const std::atomic<int>* stop_flag() const {
        const bool alone = model_.group() == nullptr;
        return options_.stop != nullptr && alone ? &options_.stop->signal : nullptr;
    }
    /// What says to the user what is left of the run; null in a copy, of which nothing is.
    StopRequest* told_stop() const { return options_.in_copy ? nullptr : options_.stop; }
    bool stop_asked() const { return options_.stop != nullptr && options_.stop->asked(); }

    // ---- steps ----

    TrainEnd loop() {
        RateMeter rate;
        model_.set_progress(training_.step, training_.epoch);
        good_.keep(model_.states(), training_);
        first_step_ = saved_step_ = training_.step;
        saved_s_ = now_s();
        way_back_.find();
        runner_.take_up(training_.signs);
        count_steps();
        if (policy_.on_divergence != "stop" && !run_.folder->has_checkpoint()) {
            const TrainEnd end = save(Due::kByStep);  // where a rollback can go back to
            if (end != TrainEnd::kDone) return end;
        }
        if (!run_.draw_what_a_kill_left()) return TrainEnd::kFailed;
        while (training_.epoch_end_left || !run_.finished()) {
            if (!run_.is_in_its_folder()) return left_behind();
            if (stop_asked()) return interrupt();
            TrainEnd end = TrainEnd::kDone;
            if (!training_.epoch_end_left) {
                if (!step(diagnostics_)) return data_failed();
                rate.add(model_.batch_size() * runner_.batches_per_round(), now_s());
                if (!run_.finds_its_folder()) return left_behind();
                if (!report(rate)) return log_failed();
                const std::vector<std::string> bad = runner_.not_finite();
                if (!bad.empty()) end = diverged(quoted(bad) + by_count(bad.size(), " is", " are"));
                if (end == TrainEnd::kDone) end = average_where_due();
            }
            if (end == TrainEnd::kDone)
                end = training_.epoch_end_left ? end_epoch() : save_where_due();
            rate.resume(now_s());
            if (end == TrainEnd::kDiverged && roll_back()) end = TrainEnd::kDone;
            if (end != TrainEnd::kDone) return end;
        }
        if (!run_.is_in_its_folder()) return left_behind();
        // A last step that was taken back is not saved: with more steps, both end in the same bits.
        run_.tell_end(saved_step_, progress_);
        return run_.kept_a_step_since(first_step_) ? TrainEnd::kDone : TrainEnd::kDiverged;
    }

    /// One step; false where its data cannot be read.
    bool step(Diagnostics& diagnostics) {
        const int64_t pass = training_.pass;
        const StepBegin begin = present();
        if (!runner_.run(loader_, training_, diagnostics)) return false;
        last_ = begin;
        count_figures(runner_.values(), training_.signs);
        training_.epoch_end_left = training_.pass > pass;
        return true;
    }

    /// Local steps end with those whose number they divide, and with an epoch. Then all processes
    /// have the same states, which are kept: training can go back to them, or stop there.
    TrainEnd average_where_due() {
        LocalStates* local = model_.local();
        if (local == nullptr) return TrainEnd::kDone;
        if (training_.step % local->every() != 0 && !training_.epoch_end_left && !run_.finished())
            return TrainEnd::kDone;
        runner_.keep_means(training_.signs);
        local->average(training_.outer_momentum);
        model_.set_states_changed();
        if (const std::string bad = first_not_finite(model_.states()); !bad.empty())
            return diverged(fmt::format("state `{}` is", bad));
        good_.keep(model_.states(), training_);
        return TrainEnd::kDone;
    }

    /// Whether the states are only this process's, in the midst of local steps.
    bool has_own_states() const {
        return model_.local() != nullptr && training_.step != good_.training().step;
    }

    /// Within an epoch: saves when a checkpoint is due. kDone means that the loop goes on.
    TrainEnd save_where_due() {
        const bool ends = run_.finished();
        if (policy_.checkpoint_steps > 0 && training_.step % policy_.checkpoint_steps == 0)
            due_ = Due::kByStep;
        else if (policy_.checkpoint_seconds > 0 && due_ == Due::kNot &&
                 now_s() - saved_s_ >= policy_.checkpoint_seconds)
            due_ = Due::kByClock;
        if (has_own_states()) return TrainEnd::kDone;
        const Due due = std::exchange(due_, Due::kNot);
        if (ends || due != Due::kNot) {
            const TrainEnd end = save(due);
            if (end != TrainEnd::kDone) return end;
            // What a run keeps is what it may go back to, so its steps alone decide.
            const bool keeps = policy_.on_divergence == "stop" || due == Due::kByStep;
            return (!keeps || run_.keep_checkpoint(false)) && (!ends || draw_and_note(epoch()))
                       ? TrainEnd::kDone
                       : TrainEnd::kFailed;
        }
        if (training_.step - good_.training().step >= kKeepEvery) {
            if (const std::string bad = first_not_finite(model_.states()); !bad.empty())
                return diverged(fmt::format("state `{}` is", bad));
            good_.keep(model_.states(), training_);
        }
        return TrainEnd::kDone;
    }

    // ---- ends of epochs ----

    /// What the end of an epoch says, and what it leaves.
    struct EpochEnd {
        TrainingState training;
        std::vector<MetricsRow> rows{};
        std::vector<std::string> shown{};  ///< lines for people
        bool is_best = false;
    };

    /// Validates, looks for signs and saves; then draws samples. All that the checkpoint says of
    /// the epoch is written into the log before, and a line of a later step than that of the
    /// checkpoint is dropped when a run goes on: so each is there once, whenever the process is
    /// killed. Until all figures are there, nothing has changed, and the end of the epoch can be
    /// done again. What is shown of it is shown behind the checkpoint, once.
    TrainEnd end_epoch() {
        if (const TrainEnd end = check_state(); end != TrainEnd::kDone) return end;
        EpochEnd ended{training_};
        {
            const StoppableWork work(stop_flag());
            if ((run_.validation && !validate(ended)) || !look_for_signs(ended))
                return keep_after_data_error();
        }
        if (!run_.finds_its_folder()) return left_behind();
        if (!log_.write(ended.rows, diagnostics_))
            return keep_after_error("once the folder can be written");
        ended.training.epoch_start.reset();  // the memory goes before the next weights are kept
        training_ = ended.training;
        good_.keep(training_);
        run_.begin_epoch(training_);
        good_.keep(training_);
        if (const TrainEnd end = write(Due::kByStep); end != TrainEnd::kDone) return end;
        progress_.end_line();
        for (const std::string& line : ended.shown) progress_.message(line);
        return run_.keep_checkpoint(ended.is_best) && draw_and_note(training_.pass)
                   ? TrainEnd::kDone
                   : TrainEnd::kFailed;
    }

    /// False after an error.
    bool draw_and_note(int64_t epoch) {
        const StoppableWork work(stop_flag());
        return run_.draw(epoch) && run_.finds_its_folder() && run_.keep_choices();
    }

    /// Computes the figures of the validation data, and updates those that are watched. A figure
    /// that is not finite does not end training: it may be due to the data. False after an error.
    bool validate(EpochEnd& ended) {
        TrainingState& at = ended.training;
        const auto found = evaluate(model_, *run_.validation, at.seed, diagnostics_);
        if (!found.ok()) return false;
        MetricsRow& row = ended.rows.emplace_back(at.step, at.pass);
        ended.is_best = take_in(found->values, policy_, at, row);
        if (!options_.quiet) ended.shown.push_back(run_.line_of_validation(found->values, at.pass));
        return true;
    }

    /// Adds the signs of trouble that the epoch shows. False after an error.
    bool look_for_signs(EpochEnd& ended) {
        TrainingState& at = ended.training;
        const auto news = signs_.take(model_, loader_, at, diagnostics_);
        if (!news.ok()) return false;
        for (const Sign& sign : *news) {
            if (!options_.in_copy)
                for (const std::string& line : lines_of(sign, at.pass, run_.epochs))
                    ended.shown.push_back(line);
            ended.rows.push_back(row_of(sign, at.step, at.pass));
        }
        return true;
    }

    /// Counts the steps in all, for the progress line; a pass may have begun with other batches.
    void count_steps() {
        const Cursor at = run_.cursor();
        const int64_t rest = loader_.dataset().count() - at.first;
        const int64_t here = std::max<int64_t>(rest / model_.batch_size() - at.batch, 0);
        const int64_t after = run_.epochs - training_.pass - 1;
        const int64_t left = after < 0 ? 0 : here + after * loader_.batches_per_epoch();
        const int64_t round = runner_.batches_per_round();
        steps_ = training_.step + (left + round - 1) / round;
        if (options_.steps_most) steps_ = std::min(steps_, *options_.steps_most);
    }

    /// Shows progress, and writes a line of metrics every log_every steps and at the last one.
    bool report(const RateMeter& rate) {
        ProgressState state{epoch(), run_.epochs, training_.step,
                            steps_,  {},          rate.examples_per_s()};
        for (const StepRunner::Named& v : runner_.values())
            state.values.emplace_back(v.name, v.value);
        if (!options_.quiet) progress_.update(state);
        if (training_.step % run_.log_every() != 0 && !run_.finished()) return true;
        MetricsRow row(training_.step, epoch());
        if (rate.examples_per_s() > 0) row.add("examples_per_s", rate.examples_per_s());
        for (const StepRunner::Named& v : runner_.mean_values())
            row.add(v.name, static_cast<float>(v.value));
        return log_.write({row}, diagnostics_);
    }

    int64_t epoch() const { return run_.epoch_number(); }

    // ---- states that are good ----

    /// Writes the present state if it is good; kDone when it was written.
    TrainEnd save(Due due) {
        const TrainEnd end = check_state();
        return end == TrainEnd::kDone ? write(due) : end;
    }

    /// Keeps the present state in memory if it is good, else says so; kDone when it is.
    TrainEnd check_state() {
        if (const std::string bad = first_not_finite(model_.states()); !bad.empty())
            return diverged(fmt::format("state `{}` is", bad));
        good_.keep(model_.states(), training_);
        const std::vector<std::string> bad = try_last_step();
        if (training_.epoch_end_left && with_moves_) training_.epoch_start = std::move(with_moves_);
        if (bad.empty()) return TrainEnd::kDone;
        good_.keep(at_last_step());  // what a replay is to run
        return diverged(quoted(bad) + " of the same batches with the new weights" +
                            by_count(bad.size(), " is", " are"),
                        last_->step);
    }

    /// Writes the state that was kept.
    TrainEnd write(Due due) {
        const Saving saving(options_.stop);
        if (!write_state(due, diagnostics_)) return TrainEnd::kFailed;
        saved_step_ = training_.step;
        saved_s_ = now_s();
        if (!run_.write_what_is_gone()) return TrainEnd::kFailed;
        if (due != Due::kNot && training_.weights_step() > 0) run_.folder->has_begun();
        return TrainEnd::kDone;
    }

    bool write_state(Due due, Diagnostics& diagnostics) {
        if (!run_.finds_its_folder()) return false;
        if (!way_back_.before_writing(due == Due::kByStep, diagnostics)) return false;
        good_.keep(training_);  // as it says that now
        (void)run_.kept_while_training().may_go(run_.path(kCheckpointName));
        const bool is_written =
            write_checkpoint(run_.path(kCheckpointName), model_.states(), training_, diagnostics);
        if (!run_.finds_its_folder() || !is_written) return false;
        if (told_stop() != nullptr) told_stop()->checkpoint = training_.step;
        run_.has_changed();
        log_.has_saved();
        way_back_.has_written();
        return true;
    }

    /// The losses of a step belong to the state before it. So whether the present state has finite
    /// losses is only known when the step is done once more, with the same batches, random numbers
    /// and values of `step` and `epoch`, and then taken back. All else about the step was finite,
    /// so a loss that is not is the state's fault; what is wrong with the batches of the next step
    /// is found there. Gives the names of the losses that are not finite. A state that was read was
    /// tried before it was written.
    std::vector<std::string> try_last_step() {
        if (!last_) return {};
        const TrainingState trial = at_last_step();
        loader_.seek(trial.cursor(model_.batch_size()));
        const std::vector<std::string> bad = runner_.try_round(loader_, trial);
        with_moves_ = gmc::runtime::with_moves(training_.epoch_start, good_, model_.states());
        go_back();
        return bad;
    }

    /// Where training stood before the last step.
    TrainingState at_last_step() const {
        TrainingState at = training_;
        at.step = last_->step;
        at.call = last_->call;
        at.pass = last_->pass;
        at.example = last_->example;
        at.epoch = last_->epoch;
        return at;
    }

    /// Goes back to the state that was kept.
    void go_back() {
        good_.restore(model_.states());
        model_.set_states_changed();
        training_ = good_.training();
        loader_.seek(run_.cursor());
        model_.set_progress(training_.step, training_.epoch);
    }

    /// Goes on with the states that WayBack takes, but with the batches that come next, not those
    /// since then. False when the run is to end.
    bool roll_back() {
        if (!may_go_back_) return false;
        TrainingState good;
        const std::string back = way_back_.take(diverged_at_, good);
        if (back.empty()) {
            run_.report_divergence(why_diverged_, "", saved_step_, false);
            return false;
        }
        model_.set_states_changed();
        training_ = std::exchange(diverged_at_, {});
        training_.outer_momentum = good.outer_momentum;
        training_.went_back = {good.step, training_.step, good.weights_step()};
        ++training_.retries;
        if (policy_.on_divergence == "lower_rate") training_.rate /= 2;
        last_.reset();  // it was left out
        loader_.seek(run_.cursor());
        model_.set_progress(training_.step, training_.epoch);
        good_.keep(model_.states(), training_);
        return run_.tell_way_back(back, good.step, why_diverged_, progress_);
    }

    bool can_go_back() const {
        return policy_.on_divergence != "stop" && diverged_at_.retries < policy_.retries &&
               (policy_.on_divergence != "lower_rate" || diverged_at_.rate / 2 >= kLeastRate);
    }

    void go_to_kept() {
        const int64_t from = training_.step;
        go_back();
        if (training_.step < from) last_ = present();  // the steps before it are not known
    }

    /// Goes back to the state after `step`: repeats steps from the kept one on, to the same bits.
    /// Where these are local, it stays with the kept one.
    void go_back_to(int64_t step) {
        go_to_kept();
        if (model_.local() != nullptr) return;
        Diagnostics data_gone;
        while (training_.step < step)
            if (!this->step(data_gone)) return go_to_kept();
    }

    // ---- ends ----

    /// Handles batches that cannot be read. The state is that after the last step, unless the first
    /// functions of the next step have changed it already.
    TrainEnd data_failed() {
        if (runner_.states_changed() || has_own_states()) go_back_to(training_.step);
        return keep_after_data_error();
    }

    /// A step whose line of metrics cannot be written is taken back, or the line would be missing
    /// when the run goes on.
    TrainEnd log_failed() {
        go_back_to(training_.step - 1);
        return keep_after_error("once the folder can be written");
    }

    /// Somebody has moved the run's folder: the last good state goes where that lies.
    TrainEnd left_behind() {
        told_ = true;
        if (run_.is_lost()) return TrainEnd::kFailed;
        run_.report_moved();
        if (has_own_states()) go_to_kept();
        return keep_after_error(fmt::format("with --run {}", run_.folder->path()));
    }

    TrainEnd keep_after_data_error() {
        run_.expect_mended_data();
        return keep_after_error("once the data are right");
    }

    TrainEnd keep_after_error(const std::string& when) {
        told_ = true;
        if (replaces()) return TrainEnd::kFailed;
        const std::string remedy = when + ", --resume goes on from there";
        Diagnostics again;
        if (!run_.is_as_it_was() && save_quietly(again))
            diagnostics_.note_last(
                {}, fmt::format("the state after step {} is kept in `{}`; {}", training_.step,
                                run_.path(kCheckpointName), remedy));
        else if (run_.folder->has_checkpoint())
            diagnostics_.note_last(
                {}, fmt::format("the checkpoint of step {} is kept in `{}`; {}", saved_step_,
                                run_.path(kCheckpointName), remedy));
        return TrainEnd::kFailed;
    }

    bool save_quietly(Diagnostics& diagnostics) {
        if (!first_not_finite(model_.states()).empty()) return false;
        good_.keep(model_.states(), training_);
        if (!try_last_step().empty()) return false;
        const Saving saving(options_.stop);
        return write_state(Due::kNot, diagnostics);
    }

    /// What is said of training that diverged; a replay is of the steps from the kept state on, but
    /// not beyond the one after step `last`.
    TrainEnd diverged(const std::string& what) { return diverged(what, training_.step); }
    TrainEnd diverged(const std::string& what, int64_t last) {
        if (!run_.is_in_its_folder()) return left_behind();
        diverged_at_ = training_;
        why_diverged_ =
            fmt::format("{} not finite after step {} (epoch {})", what, training_.step, epoch());
        const BadStep bad =
            write_replay(model_, runner_, loader_, good_, last, run_.folder->path());
        if (options_.on_diverged) options_.on_diverged(bad);
        may_go_back_ = can_go_back();
        if (may_go_back_) return TrainEnd::kDiverged;  // roll_back() says so
        run_.report_divergence(why_diverged_, bad.file, saved_step_,
                               training_.step == 1 && last == 1);
        return TrainEnd::kDiverged;
    }

    /// Another run comes back unless this one takes a step.
    bool replaces() const { return training_.step == 0 && run_.folder->holds_one_aside(); }

    TrainEnd interrupt() {
        if (replaces()) return interrupted(run_, progress_, true);
        if (has_own_states()) go_to_kept();
        const TrainEnd end = save(Due::kNot);
        if (end == TrainEnd::kDone) return interrupted(run_, progress_);
        if (end != TrainEnd::kDiverged || !may_go_back_) return end;
        progress_.message(fmt::format(
            "interrupted after step {}; {}; the checkpoint of step {} is there to go on from",
            diverged_at_.step, why_diverged_, saved_step_));
        return TrainEnd::kInterrupted;
    }

    OpenedRun& run_;
    Progress& progress_;
    LoadedModel& model_;
    const TrainOptions& options_;
    const ir::RunPolicy& policy_;
    Diagnostics& diagnostics_;
    StepRunner& runner_;
    TrainingState& training_;
    Loader& loader_;
    RunLog& log_;
    GoodState good_;
    WayBack way_back_;
    /// The step that the present state is tried with; none where it came from a checkpoint.
    std::optional<StepBegin> last_;
    EpochSigns signs_;
    std::shared_ptr<const KeptWeights> with_moves_;  ///< with_moves() of the epoch
    TrainingState diverged_at_;  ///< where training stood when a number was not finite
    std::string why_diverged_;
    bool may_go_back_ = false;
    Due due_ = Due::kNot;  ///< a checkpoint, as soon as all processes have the same states
    bool told_ = false;    ///< what is kept after an error
    int64_t steps_ = 0, first_step_ = 0, saved_step_ = 0;
    double saved_s_ = 0;
};

/// What is done when training is asked to stop before its loop.
TrainEnd interrupted_early(OpenedRun& run, Progress& progress) {
    if (run.goes_on() || (run.options.overwrite && run.folder->holds_another()))
        return interrupted(run, progress, true);
    return run.write_untrained(progress) ? interrupted(run, progress) : TrainEnd::kNotStarted;
}

TrainEnd begin_and_loop(OpenedRun& run, Progress& progress) {
    const TrainOptions& options = run.options;
    if (!options.resume && options.steps_most == 0)
        return run.write_untrained(progress) ? TrainEnd::kDone : TrainEnd::kNotStarted;
    try {
        run.runner.emplace(run.model, run.diagnostics, [&] { return run.prepare(progress); });
        if (!run.runner->ok()) return TrainEnd::kNotStarted;
        lead(run.model, {run.record.seed, run.record.tuned, run.model.may_use_bf16(), false,
                         run.chosen(), run.record.local.every, run.record.block});
        if (run.model.group() != nullptr &&
            !have_same_data(run.model, run.data_trained_on(), run.diagnostics))
            return TrainEnd::kNotStarted;
        if (!run.share_slots()) return TrainEnd::kNotStarted;
        run.tell_beginning(progress);
        if (run.finished() && !run.training.epoch_end_left) return nothing_left(run, progress);
    } catch (const WorkStopped&) {
        return interrupted_early(run, progress);
    }
    if (!run.has_room()) return TrainEnd::kNotStarted;
    if (!run.begins_in_its_folder()) return TrainEnd::kFailed;
    if (!run.write_beginnings()) return TrainEnd::kNotStarted;
    run.log->has_saved();
    const StoppableWork until_here(nullptr);  // within steps the loop looks itself
    TrainingLoop loop(run, progress);
    const TrainEnd end = loop.run();
    if (end == TrainEnd::kFailed && run.has_checkpoint()) run.log->back_to_saved();
    if (end == TrainEnd::kFailed) loop.tell_what_is_kept();
    run.loader->dataset().add_warnings(run.diagnostics);
    if (!options.quiet) progress.end_line();
    return end;
}

}  // namespace

TrainResult train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics) {
    OpenedRun run(model, options, diagnostics);
    if (!run.open()) return {};
    Progress progress(stdout);
    const TrainEnd end = begin_and_loop(run, progress);
    run.folder->has_ended(end);
    if (end == TrainEnd::kNotStarted) run.folder->discard();
    if (end != TrainEnd::kNotStarted && end != TrainEnd::kFailed) run.has_changed();
    return {end, run.folder->path(), run.training.step};
}

}  // namespace gmc::runtime
