// Runs training rounds. A round is the functions of the schedule in their order, and counts as one
// training step. `gmrun train` repeats it; `gmrun bench` and `profile` measure it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/train/checkpoint.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// Watches the results of a module's function @bounds (ir::Bound).
class NumberBounds {
  public:
    /// Binds @bounds. False after an error, which is that of LoadedModel::function.
    [[nodiscard]] bool bind(LoadedModel& model, Diagnostics& diagnostics);
    /// Says of each number that leaves its bounds in the step to come, once: training goes on. Runs
    /// @bounds, so nothing in the arena of the module outlives it.
    void look(const CallContext& context);

  private:
    Executable* executable_ = nullptr;  ///< null where the module has no bounds
    std::vector<ir::Bound> left_;       ///< those that were kept so far
};

class StepRunner {
  public:
    /// Binds the functions of the schedule, while the training data are read for the model's next
    /// loader. `prepare` makes that loader, and all else that can fail; false after an error. It is
    /// called once: before contractions are measured, which may take long, or else at the end.
    /// Check ok() before use.
    StepRunner(LoadedModel& model, Diagnostics& diagnostics,
               const std::function<bool()>& prepare = {});
    bool ok() const { return ok_; }
    /// Number of batches that one round takes from the loader.
    int64_t batches_per_round() const;
    /// Runs one round from `training` on, and moves `training` one round ahead. Where training.rate
    /// is below 1, only that share of each change of a parameter is kept, and moving averages
    /// follow it. Says of numbers that leave their bounds (NumberBounds). Each round but the first
    /// begins by moving 2 MB to a huge page, until no small pages are left. False after an error of
    /// the data: then `training` is as it was, and so are the states, unless states_changed(). In
    /// process 0 of a group the others are told to run the round, too; there an error of the data
    /// ends all processes.
    bool run(Loader& loader, TrainingState& training, Diagnostics& diagnostics);
    /// Runs a round that the caller takes back: values() and not_finite() stay as they were. The
    /// names of the losses and metrics that are not finite; none when the data cannot be read.
    std::vector<std::string> try_round(Loader& loader, TrainingState training);
    /// True when the last run() failed after a function had already changed states.
    bool states_changed() const { return states_changed_; }
    /// Losses and metrics of the last round, in the order of the functions. An update that
    /// accumulates gradients has the means over its batches; of several updates by one function
    /// those of the last count, unless an earlier one is not finite; so do those of a step's own
    /// update behind an extrapolation. One that is measured in some steps only is that of the last
    /// of these, once there was one.
    struct Named {
        std::string name;
        double value;
    };
    const std::vector<Named>& values() const { return values_; }
    /// values(), where they are of this process's own steps the means over all processes, by their
    /// shares of the batch. In process 0, which has the others do add_up_figures().
    std::vector<Named> mean_values();
    /// In the others, after an order of the kind kFigures.
    void add_up_figures();
    /// In process 0, where all have the same states now: from here on values() that are not
    /// measured anew are the means, also those that `counters` has for a run that goes on.
    void keep_means(SignCounters& counters);
    /// A run goes on: losses and metrics that the next steps do not measure are the last ones of
    /// `counters`, as if the run had never stopped.
    void take_up(const SignCounters& counters);
    /// The names of those of values() that the last round measured and that are not finite; else
    /// the first parameter that an extrapolation made so, which the update behind it may hide.
    std::vector<std::string> not_finite() const;

    struct Entry {
        Executable* executable;
        int64_t repeat;
        int64_t every;                ///< as in ir::ScheduleEntry
        bool updates;                 ///< weights; else it accumulates for an update behind it
        bool extrapolates;            ///< the update behind it starts where this one did
        std::vector<size_t> figures;  ///< where its results stand among all
    };
    /// The functions of rounds, as in the module's schedule.
    const std::vector<Entry>& entries() const { return entries_; }
    /// Makes rounds append the times of all operations to `log`, which the caller keeps; null ends
    /// that. Entries without a function are times of waiting for a batch and copying it.
    void set_timing(TimeLog* log);

  private:
    bool bind_schedule(Diagnostics& diagnostics);
    void add_entry(Entry entry, size_t first);
    void run_entry(const Entry& entry, const CallContext& call, double rate);
    /// Takes the results of a call: an update's figures are the means over what was accumulated for
    /// it and its own batch. Behind an update, sums begin anew.
    void take_figures(const Entry& entry);
    void clear_sums();
    void look_at_parameters(const ir::Function& function);
    void lower_step(ir::StateId parameter, double rate);

    LoadedModel& model_;
    NumberBounds bounds_;
    /// Parameters and their averages before a call, where only a share of its changes is kept.
    std::map<ir::StateId, std::vector<float>> before_;
    std::vector<Entry> entries_;
    struct Figure {
        std::string name;
        std::optional<double> value;  ///< nothing before it is measured
        bool is_new;                  ///< measured in the last round
        bool is_mean = false;         ///< over the processes already
        double sum = 0;               ///< of the batches accumulated for the update to come
        int64_t batches = 0;
    };
    std::vector<float> figure_sums() const;
    std::vector<double> means();
    std::vector<Figure> figures_;
    std::vector<Named> values_;
    std::string bad_parameter_;  ///< of an extrapolation in the last round; "": none
    TimeLog* log_ = nullptr;
    /// The loader that writes its batches straight into the function's inputs.
    const Loader* delivers_ = nullptr;
    bool ok_ = true, first_ = true, states_changed_ = false;
};

}  // namespace gmc::runtime
