// A run before its first step, and what its loop works on then.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/files/files_before.h"
#include "runtime/output/progress.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/run_folder.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "runtime/run/trainer.h"
#include "runtime/train/step_runner.h"
#include "runtime/train/take_weights.h"

namespace gmc::runtime {

/// `on_divergence: lower_rate` ends training where updates would be less than this share of what
/// the model says: they would train nothing.
inline constexpr double kLeastRate = 1e-6;

/// The parts of one run. They are there one after another: the folder and the record after open(),
/// data and states after prepare(), the log after write_beginnings(). The runner calls prepare():
/// its functions are bound while the data are read, but none is measured before all is there. All
/// that return bool report why they are false.
struct OpenedRun {
    OpenedRun(LoadedModel& trained, const TrainOptions& asked, Diagnostics& reported);
    ~OpenedRun();
    OpenedRun(const OpenedRun&) = delete;
    OpenedRun& operator=(const OpenedRun&) = delete;

    /// Opens the folder and takes up the record of a resumed run, which is computed with the
    /// settings that it was trained with last. The record is told a new end (--epochs,
    /// --more-epochs).
    bool open();
    /// Behind this the run is another than before: a checkpoint was written, or the command has
    /// ended as it should. A run that goes on and has no such end, as it is refused or fails
    /// before, is left with the files that it had.
    void has_changed() { before_.forget(); }
    /// Whether a run that goes on has had no step, and nothing was written that stays.
    bool is_as_it_was() const { return before_.holds() && training.step == step_before_; }
    /// Makes the loaders and the states. Whatever can be wrong with a run shows here.
    bool prepare(Progress& progress);
    /// Behind prepare(), with the runner: says what there is and what has changed.
    void tell_beginning(Progress& progress);
    /// Behind prepare(), once the other processes of a group wait for orders: gives them their
    /// parts of the optimizer's slots, where these are shared.
    bool share_slots();
    /// Writes what a run's folder has from the start.
    bool write_beginnings();
    /// Draws samples into the run's folder, where it is to have them. False after an error.
    bool draw(int64_t epoch);
    /// A process that was killed behind the checkpoint of an epoch may not have drawn its samples,
    /// or drawn them and not shown them to TensorBoard. False after an error.
    bool draw_what_a_kill_left();
    /// A run that was stopped within an epoch, and goes on, draws that epoch's picture anew. False
    /// after an error.
    bool drop_picture_of_stop();
    /// Reports that training diverged (kDiverged): `why`, what helps, and what is kept; the log
    /// says why, too. `replay`: the file of the step, "": none. `saved_step`: of the checkpoint,
    /// where there is one. `at_once`: the first step did it.
    void report_divergence(const std::string& why, const std::string& replay, int64_t saved_step,
                           bool at_once);
    void help_after_divergence(Diagnostic& error) const;
    /// Says that training went `back` to the state of step `to`, and the log says it, too. False
    /// after an error.
    bool tell_way_back(const std::string& back, int64_t to, const std::string& why,
                       Progress& progress);
    /// Behind the last step: why training ends before its last epoch, and what there is not.
    void tell_end(int64_t saved_step, Progress& progress) const;
    /// Behind the last step of a command that began behind step `first`: false where a new run, or
    /// one that has come to its end, went back behind all steps that the command took. That is
    /// reported (kDiverged), and is in the log.
    bool kept_a_step_since(int64_t first);
    /// To the last error, after which no state could be written: that the one of step `saved_step`
    /// is kept.
    void note_unwritten(int64_t saved_step) const;
    /// What an interruption leaves: a checkpoint of the last step, or, where it `stays`, the run
    /// that was to be resumed or replaced.
    std::string why_interrupted(bool stays) const;
    /// Sets the states to those that the run begins with: initial values, and weights of files,
    /// which are listed. Errors: those of take_weights() and StateStore::initialise(); those of
    /// --init are not there any more, or others than the run began with (kBadValue).
    Result<std::vector<TakenWeights>> fill_first_states(Diagnostics& reported);
    /// Those beside the last one, as the run keeps them.
    KeptCheckpoints kept_checkpoints() const { return kept_checkpoints(folder->path()); }
    /// The same by a path that leads to no other folder, should this one be moved.
    KeptCheckpoints kept_while_training() const { return kept_checkpoints(folder->anchored()); }
    /// Removes checkpoints that the run is to keep no longer.
    void drop_checkpoints() const;
    /// Before anything is written into the run's folder: where somebody has moved it, what follows
    /// goes to where it lies. False, with an error (kBadFile), where it is gone.
    bool finds_its_folder();
    /// The same, and false where it was moved, too; that ends training.
    bool is_in_its_folder() { return finds_its_folder() && folder_before_.empty(); }
    /// Whether it is gone, or another process's.
    bool is_lost() const { return is_lost_; }
    /// Whether there is one of this process.
    bool has_checkpoint() const { return !is_lost_ && folder->has_checkpoint(); }
    /// The error (kBadFile) about a folder that was moved.
    void report_moved();
    /// Keeps the checkpoint under its other names. False after an error.
    bool keep_checkpoint(bool is_best);
    /// LoadedModel::has_room_to_train, with the data of this run.
    bool has_room() { return model.has_room_to_train(loader->dataset().count(), diagnostics); }
    /// is_in_its_folder(), with an error in either case.
    bool begins_in_its_folder();
    /// Opens the log, which write_beginnings() does, too.
    bool open_log();
    /// The data have a file that cannot be read. It may be another one when the run goes on.
    void expect_mended_data();
    /// Writes model.gmc and run.json again where somebody has removed them, and says so.
    bool write_what_is_gone();
    /// Adds the kernels that were chosen since to the record, so that a resumed run has the same.
    bool keep_choices();
    /// Instead of prepare() and write_beginnings(): makes the states, and writes a new run without
    /// a step. With --steps 0, where its weights are those of --init, and when training is asked to
    /// stop while contractions are measured or data read.
    bool write_untrained(Progress& progress);

    /// The epoch that the last step ended, or else that it was taken in, from 1. The examples alone
    /// that were taken so far decide.
    int64_t epoch_number() const {
        const bool ended_one = training.epoch_end_left || ends_epoch();
        return training.pass + (training.example > 0 && !ended_one ? 1 : 0);
    }
    /// The fingerprint of the data that are trained on; "" where there are none.
    std::string data_trained_on() const;
    /// The candidates that were chosen for contractions so far, and those that a resumed run takes
    /// again.
    std::map<std::string, std::string> chosen() const;
    /// False for a run that was killed before its first checkpoint: it begins anew, as it began.
    bool goes_on() const { return options.resume && folder->has_checkpoint(); }
    bool stops_early() const { return stops_early(training); }
    std::string why_early() const;
    /// The figures of the validation data after `pass` epochs.
    std::string line_of_validation(const std::vector<std::pair<std::string, double>>& figures,
                                   int64_t pass) const;
    /// Whether none of the epochs that could have been the best, which the model is to keep, had a
    /// finite figure. No epoch could before the best was lost, or another figure was watched.
    bool has_no_best() const {
        return validation && !policy.keep_best.empty() && !training.best.best &&
               training.best.epochs_since > 0;
    }
    std::string why_no_best() const;
    /// Why finished(), for a line about a run in which nothing is left to do.
    std::string why_finished() const;
    /// Whether no step is left.
    bool finished() const;
    /// Whether the last step ended an epoch, and all is told and saved of it.
    bool ends_epoch() const {
        return training.step > 0 && training.epoch_began == training.step &&
               !training.epoch_end_left;
    }
    /// In `at`: an epoch begins with the present states.
    void begin_epoch(TrainingState& at) const;
    /// Steps between two lines of metrics.
    int64_t log_every() const { return log_every(record.settings); }
    std::string path(const std::string& name) const { return folder->file(name); }
    /// The place of the next batch.
    Cursor cursor() const { return training.cursor(model.batch_size()); }

    LoadedModel& model;
    const TrainOptions& options;
    ir::RunPolicy policy;
    Diagnostics& diagnostics;
    std::optional<RunFolder> folder;
    RunRecord record;
    TrainingState training;
    int64_t epochs = 1;  ///< after which training ends
    std::optional<StepRunner> runner;
    std::unique_ptr<Loader> loader;
    std::unique_ptr<Loader> validation;  ///< null without validation
    std::optional<RunLog> log;

  private:
    /// `at`: a path that leads to the run's folder; messages say folder->path().
    KeptCheckpoints kept_checkpoints(const std::string& at) const;
    bool open_folder();
    bool take_up_record();
    bool is_of_this_model();
    bool can_draw();
    void follow_record();
    bool take_local_steps();
    void follow_settings();
    int64_t log_every(const RunSettings& settings) const;
    bool agrees_on_data();
    bool take_up_data();
    void take_up_test_data();
    /// Of a run that begins with the weights of another: what these were trained on.
    void take_up_kept_out();
    /// Says, before the first step of such a run, whether they were trained on some of the examples
    /// that `validate` keeps out here.
    void say_what_was_seen(Progress& progress);
    bool is_where_it_can_be();
    void note_choices(RunRecord& in) const;
    /// To the last error, about a module that is not as it was compiled, or of an older gmc: how to
    /// compile its YAML again and go on.
    void note_changed_module();
    void warn_of_long_steps();
    void warn_of_ended_rates();
    bool prepare_validation();
    void go_to_next_batch(Progress& progress);
    void watch_validation(Progress& progress);
    bool keep_files_before();
    bool keep_under_other_names();
    bool keep_older_best();
    bool begin_states(Progress& progress);
    void say_what_changed(Progress& progress);
    bool write_model_and_record();
    void warn_of_lost_lines(int64_t every);
    /// Those that early stopping counts: none from before --more-epochs went on after it.
    int64_t epochs_without_better(const TrainingState& at) const;
    bool stops_early(const TrainingState& at) const;
    bool keep_end();
    void tell_new_end(Progress& progress) const;
    std::string how_to_go_on() const;

    TuningCache* tuning_;
    bool has_its_model_ = false;        ///< model.gmc was there as it is now
    bool is_recorded_ = false;          ///< `record` was read from run.json
    bool has_states_ = false;           ///< of begin_states()
    FilesBefore before_;                ///< of a run that goes on
    std::string folder_before_;         ///< where it was moved from; "": it is where it was
    bool is_lost_ = false;              ///< the folder was removed, or is another process's
    int64_t step_before_ = 0;           ///< of its checkpoint
    int64_t goal_before_ = 0;           ///< epochs that it was to have before this command
    bool has_all_data_ = false;         ///< the data have a fingerprint: all can be read
    std::vector<std::string> changed_;  ///< of a resumed run, for its log
    std::string best_by_;               ///< the figure of the best that was kept
    std::string not_compared_;          ///< of examples that the data had before
    std::string data_text_;             ///< what the data are, in a line
    std::string model_text_;            ///< of model.gmc; "" where that is large
    RunSettings settings_before_;       ///< of a resumed run, as it was trained last
    /// A resumed run's choices, where nothing is measured.
    std::optional<TuningCache> recorded_choices_;
};

}  // namespace gmc::runtime
