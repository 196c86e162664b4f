// Offsets of slices and of parts in row-major tensors: which parts of a tensor are one contiguous
// piece of memory.
#include "compiler/ir/views.h"

#include <algorithm>

namespace gmc::ir {

/// Walks from the innermost axis outwards. `step` is the bytes from one position of the axis to the
/// next. The slice is one piece when at most one axis is cut to a range, all axes inside of it are
/// taken whole, and all axes outside of it have one position: so an axis with more than one
/// position is fine only while everything inside was whole.
std::optional<int64_t> view_offset(const Function& function, const Operation& op) {
    const auto& slice = *op.as<Slice>();
    const Type& whole = function.type(op.operands[0]);
    const Shape& part = function.type(op.result()).shape;
    int64_t offset = 0, step = whole.bytes() / std::max<int64_t>(whole.elements(), 1);
    bool all_so_far = true;  // of the axes behind
    for (size_t i = part.size(); i-- > 0;) {
        if (part[i] > 1 && (!all_so_far || slice.stride(i) != 1)) return std::nullopt;
        offset += slice.starts[i] * step;
        step *= whole.shape[i];
        all_so_far &= part[i] == whole.shape[i];
    }
    return offset;
}

std::optional<std::vector<int64_t>> window_starts(const Operation& op) {
    if (const auto* slice = op.as<Slice>()) {
        for (size_t i = 0; i < slice->starts.size(); ++i)
            if (slice->stride(i) != 1) return std::nullopt;
        return slice->starts;
    }
    const auto& pad = *op.as<Pad>();
    std::vector<int64_t> starts;
    for (size_t i = 0; i < pad.low.size(); ++i) {
        if (pad.gap(i) != 0) return std::nullopt;
        starts.push_back(-pad.low[i]);
    }
    return starts;
}

int64_t packed_bytes(const Type& type) {
    return packed_size(type.elements()) * dtype_size(type.dtype);
}

/// The parts of a pack follow one another, rounded up to whole cache lines. The parts of a concat
/// are contiguous when no axis in front of the growing one has more than one position; else they
/// interleave.
std::vector<int64_t> part_offsets(const Function& function, const Operation& op) {
    std::vector<int64_t> offsets;
    int64_t offset = 0;
    if (op.as<Pack>() != nullptr) {
        for (ValueId operand : op.operands) {
            offsets.push_back(offset);
            offset += packed_bytes(function.type(operand));
        }
        return offsets;
    }
    const int64_t axis = op.as<Concat>()->axis;
    const Shape& whole = function.type(op.result()).shape;
    if (std::any_of(whole.begin(), whole.begin() + axis, [](int64_t size) { return size != 1; }))
        return {};
    for (ValueId operand : op.operands) {
        offsets.push_back(offset);
        offset += function.type(operand).bytes();
    }
    return offsets;
}

int64_t state_offset(const Module& module, StateId id) {
    int64_t offset = 0;
    for (StateId i = 0; i < id; ++i) offset += packed_bytes(module.states[i].type);
    return offset;
}

StateId packed_states(const Function& function, const Operation& op) {
    if (op.as<Pack>() == nullptr) return kNone;
    const StateId first = function.values[op.operands[0]].state;
    for (size_t i = 0; i < op.operands.size(); ++i) {
        const StateId state = function.values[op.operands[i]].state;
        if (state == kNone || state != first + static_cast<StateId>(i)) return kNone;
    }
    return first;
}

bool is_at_its_states(const Function& function, const Operation& op) {
    const StateId first = packed_states(function, op);
    return first != kNone && function.values[op.result()].home == first;
}

}  // namespace gmc::ir
