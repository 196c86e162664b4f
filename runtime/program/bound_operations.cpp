// Makes the kernels of a function's operations and runs them. The kernel of a contraction is asked
// whether it can run the loop over its result; a loop, or a part of one, that no contraction can
// run gets a kernel of its own.
#include "runtime/program/bound_operations.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/program/scan_kernel.h"
#include "runtime/reference/reference_kernel.h"

namespace gmc::runtime {
namespace {

/// Where the kernel of a contraction cannot run a part of a loop itself, that part still runs right
/// after it, while the contraction's result is in a cache. Parts of fewer elements than this do not
/// gain from that: they run together later, as one kernel.
constexpr int64_t kPartAlone = 16384;

std::unique_ptr<Kernel> kernel_of(const ir::Operation& operation, BindContext& c) {
    // A scan itself only copies values and runs its body; the operations of the body get reference
    // kernels in turn.
    if (c.how.reference && operation.as<ir::Scan>() == nullptr)
        return make_reference_kernel(c.function, operation, c.buffers);
    return bind_operation(operation, c);
}

}  // namespace

/// Goes through the operations in the schedule's order. A contraction gets its kernel, and then its
/// loop as an epilogue where the kernel can take one; a loop that has become an epilogue gets no
/// kernel of its own; a loop of which parts have run gets a kernel for the rest.
void BoundOperations::bind(BindContext& c) {
    const ir::Function& function = c.function;
    const bool plain = c.how.reference || !c.how.epilogues;
    const Schedule schedule =
        plain ? plain_schedule(function) : find_epilogues(function, c.buffers);
    const size_t count = function.operations.size();
    parts_done_.resize(count);
    std::vector<bool> done(count, false);
    for (size_t i : schedule.order) {
        if (done[i]) continue;
        const size_t loop = schedule.loop[i];
        c.followed = loop != kNoLoop;
        c.consumed = schedule.consumed[i] != ir::kNone;
        if (!parts_done_[i].empty()) {
            add_parts(c, i, rest_of(c, i));
            continue;
        }
        add_run(i, kernel_of(function.operations[i], c));
        if (loop == kNoLoop) continue;
        const LoopPart& part = schedule.part[i];
        const bool follows = add_epilogue(c, runs_.back(), loop, part, schedule.consumed[i]);
        if (part.elements() == 0) {
            done[loop] = follows;
        } else if (follows || part.elements() >= kPartAlone) {
            parts_done_[loop].push_back(part);
            if (!follows) add_parts(c, loop, {part});
        }
    }
}

void BoundOperations::add_run(size_t operation, std::unique_ptr<Kernel> kernel) {
    if (kernel) runs_.push_back({operation, std::move(kernel)});
}

/// Makes the kernel of `run` also run `loop`, or this part of it, over its own result. False where
/// it cannot.
bool BoundOperations::add_epilogue(BindContext& c, OperationRun& run, size_t loop,
                                   const LoopPart& part, ir::ValueId consumed) {
    auto epilogue =
        make_loop_epilogue(c.function, c.function.operations[loop], c.buffers, part, consumed);
    if (!epilogue || !run.kernel->set_epilogue(epilogue.get())) return false;
    run.loop = loop;
    epilogues_.push_back(std::move(epilogue));
    names_.push_back(fmt::format("{}+loop", run.kernel->name()));
    run.kernel->set_name(names_.back());
    return true;
}

void BoundOperations::add_parts(BindContext& c, size_t loop, const std::vector<LoopPart>& parts) {
    if (parts.empty()) return;
    auto kernel = make_loop_kernel(c.function, c.function.operations[loop], c.buffers, parts);
    kernel->set_name("loop");
    add_run(loop, std::move(kernel));
}

/// The parts of a loop between those that already have a run.
std::vector<LoopPart> BoundOperations::rest_of(BindContext& c, size_t loop) {
    std::vector<LoopPart>& done = parts_done_[loop];
    std::sort(done.begin(), done.end(),
              [](const LoopPart& a, const LoopPart& b) { return a.begin < b.begin; });
    std::vector<LoopPart> rest;
    int64_t next = 0;
    for (const LoopPart& part : done) {
        if (next < part.begin) rest.push_back({next, part.begin});
        next = part.end;
    }
    const int64_t end = c.function.operations[loop].as<ir::Fused>()->space[0];
    if (next < end) rest.push_back({next, end});
    return rest;
}

/// A value that lies within others, or others within it, is there when all of these are: a pack has
/// no run where its parts are computed in their places.
size_t BoundOperations::runs_until(const ir::Function& function, ir::ValueId value) const {
    const ir::Operation* maker = nullptr;
    for (const ir::Operation& op : function.operations)
        if (std::find(op.results.begin(), op.results.end(), value) != op.results.end()) maker = &op;
    if (maker == nullptr) return 0;
    const auto index = static_cast<size_t>(maker - function.operations.data());
    size_t until = 0;
    for (size_t i = 0; i < runs_.size(); ++i)
        if (runs_[i].operation == index || runs_[i].loop == index) until = i + 1;
    if (maker->as<ir::Reshape>() != nullptr || maker->as<ir::Slice>() != nullptr ||
        maker->as<ir::Concat>() != nullptr || maker->as<ir::Pack>() != nullptr)
        for (const ir::ValueId part : maker->operands)
            until = std::max(until, runs_until(function, part));
    return until;
}

void BoundOperations::run_watched(const ir::Function& function, const Buffers& buffers,
                                  const CallContext& call, OperationWatcher& watcher) const {
    for (const OperationRun& run : runs_) {
        const ir::Operation& operation = function.operations[run.operation];
        const WatchedOperation watched{function, operation, buffers, call};
        watcher.before(watched);
        if (operation.as<ir::Scan>() != nullptr)
            static_cast<ScanKernel&>(*run.kernel).run_watched(call, watcher);
        else
            run.kernel->run(call);
        watcher.after(watched);
    }
}

}  // namespace gmc::runtime
