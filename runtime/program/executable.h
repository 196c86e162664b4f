// A function of a module made ready to run on this machine: every value has an address, every op a
// kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "compiler/support/shards.h"
#include "runtime/kernels/kernel.h"
#include "runtime/memory/address_sanitizer.h"
#include "runtime/memory/arena.h"
#include "runtime/program/time_log.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

class ProcessGroup;  // runtime/processes/process_group.h
class TuningCache;

struct ExecutableOptions {
    /// Run the plain loops of runtime/reference instead of the fast kernels.
    bool reference = false;
    /// Choose the fastest contractions by measuring; null: by static rules.
    TuningCache* tuning = nullptr;
    /// Compute with bf16 where the module says so and this processor can; false: with f32.
    bool bf16 = true;
    /// Let the kernels of contractions run the loops over their results (epilogue.h).
    bool epilogues = true;
    /// The caller promises that the states keep their values from now on, and so does everything
    /// else that a contraction reads as its weights. Then weights are copied into the layouts that
    /// oneDNN prefers once, and not again at each run.
    bool fixed_weights = false;
    /// The processes that share the batch, where the function is one process's share; else null.
    ProcessGroup* group = nullptr;
    /// Of such a function, without a group: the shards of this process, of which sums over the
    /// batch are estimated. Else none.
    NumberRange own_shards{};
    /// Make mistakes of the memory plan and of kernels visible (poison.h). It costs time.
    bool poison = kAddressSanitizer;
};

class OperationWatcher;  // bound_operations.h

/// Usage: write the inputs, run, read the results. All executables on an arena share its memory, so
/// a run of any of them overwrites the inputs and the results of the others; and a run may
/// overwrite its own inputs.
class Executable {
  public:
    /// Binds `function`. Values that plan_memory placed lie in `arena`, others in memory of their
    /// own, so functions of unplanned modules run as well. `module`, `function` and `states` must
    /// outlive the executable. Errors: kTooLarge when memory is missing, kBadIr when an op cannot
    /// be run (named with its model line).
    static Result<Executable> make(const ir::Module& module, const ir::Function& function,
                                   StateStore& states, std::shared_ptr<Arena> arena,
                                   const ExecutableOptions& options, Diagnostics& diagnostics);
    ~Executable();
    Executable(Executable&&) noexcept;
    Executable& operator=(Executable&&) noexcept;

    const ir::Function& function() const;

    size_t input_count() const;
    /// Where input `index` (of Function::inputs) is to be written, row-major.
    float* input(size_t index) const;
    /// The input with this value name; null when there is none.
    float* input(std::string_view name) const;
    const ir::Type& input_type(size_t index) const;

    size_t result_count() const;
    /// Result `index` (of Function::results), row-major.
    const float* result(size_t index) const;
    /// The result with this name; null when there is none.
    const float* result(std::string_view name) const;
    const ir::Type& result_type(size_t index) const;

    /// Computes the results and applies the updates to the states. Allocates nothing.
    void run(const CallContext& context);

    /// The same, with a look at every operation, those in bodies of scans as well. An executable
    /// made without epilogues has one kernel for each.
    void run_watched(const CallContext& context, OperationWatcher& watcher);

    /// From now on each run appends the times of its operations to `log`, which the caller keeps;
    /// null ends it.
    void set_timing(TimeLog* log);
    /// The name of the kernel of an operation of the function, or of the body of a scan in it; ""
    /// where nothing is to be done.
    std::string_view kernel_name(const ir::Function& function, size_t operation) const;
    /// The share of an operation's elements that its own kernels touch. It is less than 1 for a
    /// loop when kernels of contractions run parts of it, and for a copy when parts of its result
    /// are in their place already.
    double share(const ir::Function& function, size_t operation) const;

    /// Memory of this executable alone (unplanned values, layouts of weights), without states and
    /// arena.
    int64_t own_bytes() const;

  private:
    struct BoundFunction;
    explicit Executable(std::unique_ptr<BoundFunction> bound);
    std::unique_ptr<BoundFunction> bound_;
};

}  // namespace gmc::runtime
