// A compiled model in memory. Enters: a .gmc file. Leaves: its module, its states, its functions,
// each bound to this machine when it is first asked for, and the plan of its data.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <string>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/program/executable.h"
#include "runtime/train/data_plan.h"

namespace gmc::runtime {

class LoadedModel {
  public:
    /// Reads and verifies a .gmc. Errors: those of ir::read_artefact; kTooLarge when memory is
    /// missing. Nothing is bound and the states are zero.
    static Result<std::unique_ptr<LoadedModel>> load(const std::string& path,
                                                     Diagnostics& diagnostics);
    ~LoadedModel();

    const ir::Module& module() const { return module_; }
    const std::string& path() const { return path_; }
    StateStore& states() { return *states_; }
    Arena& arena() { return *arena_; }
    DataPlan& data() { return data_; }
    /// Rows of every input of data or noise.
    int64_t batch_size() const { return module_.training->batch_size; }

    /// The function's executable, bound on first use; null after an error. Unknown names report
    /// kUnknownName with the functions that there are.
    Executable* function(const std::string& name, Diagnostics& diagnostics);

    /// Functions bound from now on have their contractions chosen by measuring, or as `tuning`
    /// already knows. It must outlive the model.
    void set_tuning(TuningCache* tuning) { tuning_ = tuning; }
    /// Whether the module was compiled for bf16.
    bool is_bf16() const { return module_.compilation.precision == ir::DType::kBf16; }
    /// Functions bound from now on compute in f32 whatever the module was compiled for.
    void disable_bf16() { bf16_ = false; }

    /// Starts what can be done on other threads while functions are bound: reading the training
    /// data, and touching the arena until a loader takes them. Contractions are measured only when
    /// both have ended.
    void prepare_training();
    /// Moves 2 MB of states or arena to a huge page; false when there are no small pages left.
    bool make_huge();

    /// Where training stands: what `step` and `epoch` are in functions that run outside of it.
    void set_progress(int64_t step, double epoch) {
        step_ = static_cast<double>(step);
        epoch_ = epoch;
    }
    /// The context of a call outside of training.
    CallContext context(uint64_t seed, uint32_t call) const { return {seed, call, step_, epoch_}; }

  private:
    explicit LoadedModel(std::string path, ir::Module module);

    std::string path_;
    ir::Module module_;
    std::unique_ptr<StateStore> states_;
    std::shared_ptr<Arena> arena_;
    std::map<std::string, Executable> executables_;
    TuningCache* tuning_ = nullptr;
    bool bf16_ = true;
    double step_ = 0, epoch_ = 0;
    std::atomic<bool> is_ending_ = false;
    std::shared_future<void> touched_;  ///< the thread of prepare_training() that touches the arena
    DataPlan data_;
};

}  // namespace gmc::runtime
