// Replaces sizes where batch_axis found the batch, then plans the memory anew and verifies the
// result.
#include "compiler/batch/rebatch.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/batch/batch_axis.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/memory/plan_memory.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Changes the sizes of one function from `before` to `after` examples: in the types of values, in
/// the attributes that count positions (slice, pad), and in the spaces of loops. Places in memory
/// are dropped.
class Resizer {
  public:
    Resizer(Function& function, const BatchAxes& axes, int64_t before, int64_t after)
        : f_(function), axes_(axes), before_(before), after_(after), old_(function.values) {}

    void run() {
        for (size_t i = 0; i < f_.values.size(); ++i) {
            Value& value = f_.values[i];
            value.arena_offset = value.home = kNone;
            if (const auto& axis = axes_.of[i]) resize(value.type.shape, *axis);
        }
        for (Operation& op : f_.operations) resize(op);
    }

  private:
    int64_t size(int64_t positions) const { return positions / before_ * after_; }
    void resize(Shape& shape, const BatchAxis& axis) const {
        int64_t& extent = shape[static_cast<size_t>(axis.axis)];
        extent = size(extent);
    }

    /// Shapes and positions in the attributes.
    void resize(Operation& op) {
        if (auto* fused = std::get_if<Fused>(&op.op)) resize(*fused, op.body);
        const auto axis =
            op.operands.empty() ? std::nullopt : axes_.of[static_cast<size_t>(op.operands[0])];
        if (!axis) return;
        const auto at = static_cast<size_t>(axis->axis);
        if (auto* slice = std::get_if<Slice>(&op.op)) {
            slice->starts[at] = size(slice->starts[at]);
            slice->limits[at] = size(slice->limits[at]);
        } else if (auto* pad = std::get_if<Pad>(&op.op)) {
            pad->low[at] = size(pad->low[at]);
            pad->high[at] = size(pad->high[at]);
        }
    }

    /// A loop's space counts examples along the same axis as a value of the space's shape. Some
    /// value that the loop computes or reads has that shape; its batch axis is taken.
    void resize(Fused& fused, const std::vector<Operation>& body) const {
        const auto resize_as = [&](ValueId value) {
            const auto& axis = axes_.of[static_cast<size_t>(value)];
            if (!axis || old_[static_cast<size_t>(value)].type.shape != fused.space) return false;
            resize(fused.space, *axis);
            return true;
        };
        for (const Operation& inner : body) {
            if (resize_as(inner.result())) return;
            for (ValueId operand : inner.operands)
                if (resize_as(operand)) return;
        }
    }

    Function& f_;
    const BatchAxes& axes_;
    int64_t before_, after_;  ///< batch sizes
    std::vector<Value> old_;  ///< the values as they were, to compare shapes with
};

/// Whether each result has a row per example.
bool gives_rows(const Function& function, const BatchAxes& axes, std::string& why) {
    for (const NamedValue& result : function.results)
        if (axes.of[static_cast<size_t>(result.value)] != BatchAxis{}) {
            why = fmt::format("result `{}` has no row per example", result.name);
            return false;
        }
    return true;
}

/// Adds the resized bodies of the function's scans, then the function, to `out`.
void add_resized(const Module& module, const Function& function, const BatchAxes& axes,
                 int64_t rows, Module& out) {
    for (const Operation& op : function.operations)
        if (const Scan* scan = op.as<Scan>())
            add_resized(module, *module.find_function(scan->body), axes.bodies.at(scan->body), rows,
                        out);
    out.functions.push_back(function);
    Resizer(out.functions.back(), axes, module.training->batch_size, rows).run();
}

}  // namespace

bool couples_examples(const Module& module, const Function& function) {
    return !find_batch_axes(module, function).why.empty();
}

/// Works on a module of its own that holds copies of the states and this one function, so that the
/// pass plan_memory can be used as it is. The result is verified: if a rule of batch_axis were
/// wrong, the answer is "cannot be done" and not a wrong function.
std::optional<Module> rebatch(const Module& module, const Function& function, int64_t rows,
                              std::string& why) {
    if (!function.updates.empty()) {
        why = "it updates states";
        return std::nullopt;
    }
    const BatchAxes axes = find_batch_axes(module, function);
    why = axes.why.empty() ? axes.draws : axes.why;
    if (!why.empty() || !gives_rows(function, axes, why)) return std::nullopt;
    Module alone;
    alone.name = module.name;
    alone.files = module.files;
    alone.states = module.states;
    add_resized(module, function, axes, rows, alone);
    Diagnostics problems;
    if (!passes::plan_memory(alone, problems).ok() ||
        !verify(alone, problems, {.allow_gradient = false, .planned = true})) {
        why = "the function for another batch would be wrong: " +
              (problems.any() ? problems.list()[0].text : "it cannot be planned");
        return std::nullopt;
    }
    return alone;
}

}  // namespace gmc
