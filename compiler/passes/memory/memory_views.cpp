// Finds the values that lie within others. Slices come first, then concats and packs: a value that
// already lies within another one is not moved into a concat.
#include "compiler/passes/memory/memory_views.h"

#include <optional>

#include "compiler/ir/views.h"

namespace gmc::passes {

using namespace ir;  // NOLINT

MemoryViews::MemoryViews(const Function& function)
    : function_(function),
      view_(function.values.size()),
      states_(function.values.size()),
      pinned_(function.values.size(), false) {
    for (size_t v = 0; v < function.values.size(); ++v)
        if (function.values[v].state != kNone) states_[v] = {static_cast<ValueId>(v)};
    for (const Operation& op : function.operations)
        if (packed_states(function, op) != kNone) states_[op.result()] = op.operands;
    for (size_t v = 0; v < function.values.size(); ++v) pinned_[v] = !states_[v].empty();
    for (const Update& u : function.updates) pinned_[u.value] = true;
    for (const Input& input : function.inputs)
        if (input.source.kind == InputSource::Kind::kCaptured) pinned_[input.value] = true;
    find_slices();
    find_parts();
}

/// Follows the views outwards and adds up the offsets. Chains are short: a slice of a reshape of a
/// part.
View MemoryViews::container(ValueId value) const {
    View out{value, 0};
    while (view_[out.of].of != kNone) out = {view_[out.of].of, out.bytes + view_[out.of].bytes};
    return out;
}

/// The results of reshapes, and of slices that are one piece of their operand. Slices of a state
/// have memory of their own: a plan can name a state, but not a place within a state. (The new
/// values of several states may be slices of one value, though; plan_memory then writes that value
/// over all of these states.)
void MemoryViews::find_slices() {
    for (const Operation& op : function_.operations) {
        if (op.as<Reshape>() != nullptr) view_[op.result()] = {op.operands[0], 0};
        if (op.as<Slice>() == nullptr || is_pinned(container(op.operands[0]).of)) continue;
        const std::optional<int64_t> offset = view_offset(function_, op);
        if (offset && *offset % ir::kTensorAlignment == 0)
            view_[op.result()] = {op.operands[0], *offset};
    }
}

/// The operands of a concat or pack, when their parts of the result are one piece each: they are
/// computed where the result needs them, and nothing is copied. A value that is an operand twice
/// lies within the first part; the other is a copy.
void MemoryViews::find_parts() {
    for (const Operation& op : function_.operations) {
        const bool joins = op.as<Concat>() != nullptr || op.as<Pack>() != nullptr;
        if (!joins || is_pinned(op.result())) continue;
        const std::vector<int64_t> offsets = part_offsets(function_, op);
        for (size_t i = 0; i < offsets.size(); ++i) {
            const View part = container(op.operands[i]);
            const int64_t bytes = function_.type(op.operands[i]).bytes();
            if (offsets[i] % ir::kTensorAlignment == 0 && part.of != op.result() &&
                function_.type(part.of).bytes() == bytes && !is_pinned(part.of))
                view_[part.of] = {op.result(), offsets[i]};
        }
    }
}

}  // namespace gmc::passes
