// What lies outside of the bodies is the batch cut into shards, so only first axes change, and only
// up to an `all_gather`: bodies, and with them the kernels, stay the same for any number of
// processes.
#include "compiler/batch/process_share.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "compiler/ir/scan.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/memory/plan_memory.h"
#include "compiler/support/shards.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Takes the share of one function.
class ShareTaker {
  public:
    ShareTaker(Function& function, int64_t shards, int64_t first, int64_t count)
        : f_(function),
          shards_(shards),
          first_(first),
          count_(count),
          nodes_(static_cast<int64_t>(shard_nodes(first, count).size())),
          cut_(function.values.size(), false) {}

    void run() {
        for (const Input& input : f_.inputs)
            if (input.source.kind != InputSource::Kind::kArgument) cut(input.value);
        for (Operation& op : f_.operations) take(op);
    }

  private:
    void take(Operation& op) {
        if (auto* scan = std::get_if<Scan>(&op.op); scan != nullptr && scan->shards > 0) {
            scan->count = count_;
            scan->first = first_;
            const size_t stacked = op.results.size() - static_cast<size_t>(scan->sums);
            for (size_t i = 0; i < stacked; ++i) cut(op.results[i]);
            for (size_t i = stacked; i < op.results.size() && nodes_ > 1; ++i) {
                Type& type = f_.values[op.results[i]].type;
                type = stacked_type(type, nodes_);
            }
            return;
        }
        // From here on every process has all shards.
        if (op.as<AllGather>() != nullptr) return;
        // The reshapes that cut inputs into shards.
        if (std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId v) { return cut_[v]; }))
            for (ValueId v : op.results) cut(v);
    }
    /// The first axis counts shards, or their examples.
    void cut(ValueId v) {
        int64_t& size = f_.values[v].type.shape[0];
        size = size / shards_ * count_;
        cut_[v] = true;
    }

    Function& f_;
    const int64_t shards_, first_, count_;
    const int64_t nodes_;    ///< to which the shards add up
    std::vector<bool> cut_;  ///< by value: its first axis is that of the process's shards
};

void forget_places(Module& module) {
    for (Function& function : module.functions)
        for (Value& value : function.values) value.arena_offset = value.home = kNone;
}

}  // namespace

/// The result is verified: were a pass to put something else between scans, that would show here.
std::string take_share(Module& module, int64_t processes, int64_t rank, SharedSlots* slots) {
    const int64_t shards = module.compilation.shards;
    if (shards == 0)
        return fmt::format("`{}` was compiled for one process, not for {}", module.name, processes);
    if (processes > shards)
        return fmt::format("the {} shards of `{}` cannot be shared by {} processes", shards,
                           module.name, processes);
    const int64_t first = first_shard(shards, processes, rank);
    const int64_t count = first_shard(shards, processes, rank + 1) - first;
    std::set<std::string> taken;  // a function may be in the schedule more than once
    for (const ScheduleEntry& entry : module.schedule)
        if (Function* function = module.find_function(entry.function);
            function != nullptr && taken.insert(entry.function).second)
            ShareTaker(*function, shards, first, count).run();
    if (slots != nullptr) *slots = share_slots(module, processes, rank);
    forget_places(module);
    Diagnostics problems;
    if (passes::plan_memory(module, problems).ok() &&
        verify(module, problems, {.allow_gradient = false, .planned = true}))
        return "";
    return "the share of a process would be wrong: " +
           (problems.any() ? problems.list()[0].text : "it cannot be planned");
}

}  // namespace gmc
