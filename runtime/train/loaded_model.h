// A compiled model in memory. Enters: a .gmc file. Leaves: its module, its states, the plan of its
// data, and its functions, each of which is bound to this machine when it is first used.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/processes/process_group.h"
#include "runtime/program/executable.h"
#include "runtime/train/data_plan.h"
#include "runtime/train/slots/local_steps.h"
#include "runtime/train/slots/slot_parts.h"

namespace gmc::runtime {

/// Thrown out of LoadedModel::function(): training cannot begin, so nothing needs to be measured.
class MeasuringRefused : public std::exception {
  public:
    const char* what() const noexcept override { return "training cannot begin"; }
};

/// The processes that share the work on a model; no group: this one does it alone.
struct Sharing {
    ProcessGroup* group = nullptr;
    bool slots = false;  ///< each has its part of the optimizer's slots
};

/// A module with memory for its states and values, and its functions as executables. Functions are
/// bound on first use, since binding measures contractions and takes memory. All share one arena:
/// they never run at the same time.
class LoadedModel {
  public:
    /// Reads and verifies a .gmc. Errors: those of ir::read_artefact, and kTooLarge when there is
    /// not enough memory. No function is bound yet, and all states are zero.
    /// Not enough memory means: for states and values, and for what training keeps where that is
    /// the purpose.
    enum class Purpose { kUse, kTraining };
    /// With a group the functions of the schedule are for this process's share of each batch, and
    /// that has to outlive the model. Errors then are kBadValue, too: see take_share.
    static Result<std::unique_ptr<LoadedModel>> load(const std::string& path,
                                                     Diagnostics& diagnostics,
                                                     Purpose purpose = Purpose::kUse,
                                                     Sharing sharing = {});
    ~LoadedModel();

    const ir::Module& module() const { return module_; }
    const std::string& path() const { return path_; }
    /// ir::checksum_of_functions of the module as it is in the file: what a process of a group
    /// computes is only its share of that.
    std::string checksum_of_functions() const;
    /// The same of ir::checksum_of_steps; computed once.
    const std::string& checksum_of_steps() const;
    StateStore& states() { return *states_; }
    Arena& arena() { return *arena_; }
    DataPlan& data() { return data_; }
    /// Rows of every input of data or noise.
    int64_t batch_size() const { return module_.training->batch_size; }

    /// The processes that share each batch; null: this one has all of it.
    ProcessGroup* group() const { return group_; }
    /// Has functions that are bound from now on compute steps of this process alone; see
    /// local_steps.h. For groups of which no process has parts of states.
    void set_local_steps(LocalSteps steps);
    /// Null where the sums of each step are over all processes.
    LocalStates* local() const { return local_.get(); }
    /// How the training data are read: by batches of which this process gets its share.
    LoaderOptions training_options(uint64_t seed) const;
    /// Says that the states have changed otherwise than by a training step: process 0 gives them to
    /// the others before the next one.
    void set_states_changed() { states_changed_ = true; }
    /// Whether that was said since the last call.
    bool take_states_changed() { return std::exchange(states_changed_, false); }

    /// Whether training with so many examples can begin: its functions are bound, its data are
    /// there, and neither the copies that it keeps of states nor the order of an epoch are.
    /// kTooLarge where memory lacks for these or for what was asked for and is not touched yet.
    bool has_room_to_train(int64_t examples, Diagnostics& diagnostics) const;

    /// The function of that name, not bound. Null and kUnknownName, with a list of the functions,
    /// when there is none.
    const ir::Function* find(const std::string& name, Diagnostics& diagnostics) const;
    /// The executable of a function, bound on first use; null after an error, such as those of
    /// find().
    Executable* function(const std::string& name, Diagnostics& diagnostics);

    /// Says that the states keep their values from now on, so that function_for() may bind
    /// functions for few rows and keep weights in other layouts.
    void fix_states() { fixed_ = true; }
    /// The executable of a function for `wanted` examples or, where these are more than the batch
    /// size of training, for as many as that. Its number of rows is a power of two or the batch
    /// size, so that there are few executables. Before fix_states(), and where
    /// compiler/batch/rebatch.h refuses the function (its examples depend on each other), it is
    /// function(). Null after an error, as there.
    Executable* function_for(const std::string& name, int64_t wanted, Diagnostics& diagnostics);

    /// Makes functions that are bound from now on choose contractions by measuring, or as `tuning`
    /// knows already. `tuning` has to outlive the model.
    void set_tuning(TuningCache* tuning) { tuning_ = tuning; }
    TuningCache* tuning() const { return tuning_; }
    /// Whether the module was compiled for bf16.
    bool is_bf16() const { return module_.compilation.precision == ir::DType::kBf16; }
    /// Makes functions that are bound from now on compute in f32, whatever the module was compiled
    /// for.
    void disable_bf16() { bf16_ = false; }
    bool may_use_bf16() const { return bf16_; }

    /// Starts on other threads what can be done while functions are bound: reading the training
    /// data, and touching the arena's memory until a loader takes the data. Contractions are
    /// measured only when both have ended, because both would disturb the measurements, and when
    /// `may_measure` then says so: otherwise MeasuringRefused comes out of function().
    void prepare_training(std::function<bool()> may_measure = {});
    /// Moves 2 MB of states or arena to a huge page; false when no small pages are left.
    bool make_huge();

    /// Sets the progress of training, for the ops `step` and `epoch` in functions that run outside
    /// of training.
    void set_progress(int64_t step, double epoch) {
        step_ = static_cast<double>(step);
        epoch_ = epoch;
    }
    /// The context of a call outside of training.
    CallContext context(uint64_t seed, uint32_t call) const { return {seed, call, step_, epoch_}; }

  private:
    /// A function for another number of rows.
    struct Rebatched {
        ir::Module module;  ///< what rebatch() made: the function is its last one
        std::optional<Executable> executable;  ///< none: rebatch() refused
    };

    /// Of the module as it is in the file; "": not computed.
    struct Checksums {
        std::string functions, steps;
    };

    LoadedModel(std::string path, ir::Module module, ProcessGroup* group, SharedSlots slots,
                Checksums whole);
    /// Of the processes of a group.
    NumberRange own_shards() const;
    Result<Executable> bind(const ir::Module& module, const ir::Function& function,
                            bool fixed_weights, Diagnostics& diagnostics);

    std::string path_;
    ir::Module module_;
    mutable Checksums whole_;  ///< of a group, whose module_ is a part, from the start
    std::unique_ptr<StateStore> states_;
    std::unique_ptr<SlotParts> slots_;  ///< null: the states are whole
    std::unique_ptr<LocalStates> local_;
    std::shared_ptr<Arena> arena_;
    std::map<std::string, Executable> executables_;
    std::map<std::pair<std::string, int64_t>, Rebatched> rebatched_;  ///< by name and rows
    ProcessGroup* group_;
    TuningCache* tuning_ = nullptr;
    bool bf16_ = true, fixed_ = false, states_changed_ = true;
    double step_ = 0, epoch_ = 0;
    std::atomic<bool> is_ending_ = false;
    /// The thread of prepare_training() that touches the arena.
    std::shared_future<void> touched_;
    DataPlan data_;
};

}  // namespace gmc::runtime
