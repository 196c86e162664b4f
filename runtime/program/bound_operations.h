// The operations of a function, or of a scan's body, as kernels in the order in which they run.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernels/kernel.h"
#include "runtime/kernels/loop/loop.h"
#include "runtime/program/bind.h"
#include "runtime/program/epilogue.h"

namespace gmc::runtime {

/// One call of a kernel. An operation has no run where nothing is to be done, or where it is a loop
/// that the kernel of a contraction runs; a loop that is split into parts has several.
struct OperationRun {
    size_t operation;
    std::unique_ptr<Kernel> kernel;
    size_t loop = kNoLoop;  ///< that the kernel runs over its result
};

/// An operation that is looked at while it runs.
struct WatchedOperation {
    const ir::Function& function;
    const ir::Operation& operation;
    /// Where values are. A value can be read here from the moment its operation has run until the
    /// last operation that reads it: after that, the plan may give its memory to other values.
    const Buffers& buffers;
    const CallContext& call;
};

/// Sees operations while they run. Between before() and after() of a scan come those of its body,
/// pass after pass.
class OperationWatcher {
  public:
    virtual ~OperationWatcher() = default;
    virtual void before(const WatchedOperation& watched) = 0;
    virtual void after(const WatchedOperation& watched) = 0;
};

class BoundOperations {
  public:
    /// Binds each operation of `context.function`, in the order that find_epilogues chooses.
    void bind(BindContext& context);
    /// In the order in which they are called.
    const std::vector<OperationRun>& runs() const { return runs_; }
    void run(const CallContext& call) const {
        for (const OperationRun& run : runs_) run.kernel->run(call);
    }
    /// The same; after each run it calls after(number of runs so far).
    template <typename After>
    void run(const CallContext& call, const After& after) const {
        size_t done = 0;
        for (const OperationRun& run : runs_) {
            run.kernel->run(call);
            after(++done);
        }
    }
    /// The same with a look at each. `function` and `buffers` are those of bind().
    void run_watched(const ir::Function& function, const Buffers& buffers, const CallContext& call,
                     OperationWatcher& watcher) const;
    /// How many runs there are until a value of `function`, that of bind(), is there.
    size_t runs_until(const ir::Function& function, ir::ValueId value) const;

  private:
    void add_run(size_t operation, std::unique_ptr<Kernel> kernel);
    bool add_epilogue(BindContext& c, OperationRun& run, size_t loop, const LoopPart& part,
                      ir::ValueId consumed);
    void add_parts(BindContext& c, size_t loop, const std::vector<LoopPart>& parts);
    std::vector<LoopPart> rest_of(BindContext& c, size_t loop);

    std::vector<OperationRun> runs_;
    std::vector<std::unique_ptr<Epilogue>> epilogues_;
    /// By operation: of a loop, the parts that have a run.
    std::vector<std::vector<LoopPart>> parts_done_;
    std::deque<std::string> names_;  ///< of kernels that also run a loop, "conv+loop"
};

}  // namespace gmc::runtime
