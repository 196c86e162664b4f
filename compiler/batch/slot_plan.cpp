// One walk over the operations finds which loops can be cut; what they and others read of each
// other's results follows from that.
#include "compiler/batch/slot_plan.h"

#include <algorithm>

#include "compiler/ir/views.h"

namespace gmc {

using namespace ir;  // NOLINT: all of this is about ir

LoneSums::LoneSums(const Function& function, int64_t processes)
    : f_(function),
      least_(std::max(kFewSlots, 2 * kRangeStep * processes)),
      made_by_(function.values.size(), kNone),
      uses_(function.values.size(), 0) {
    for (size_t i = 0; i < f_.operations.size(); ++i) {
        for (ValueId v : f_.operations[i].results) made_by_[v] = static_cast<int>(i);
        for (ValueId v : f_.operations[i].operands) ++uses_[v];
    }
    for (const Update& update : f_.updates) ++uses_[update.value];
    for (const NamedValue& result : f_.results) ++uses_[result.value];
}

const Operation* LoneSums::sum(ValueId v) const {
    const int64_t elements = f_.type(v).elements();
    if (elements <= least_ || elements % kRangeStep != 0) return nullptr;
    while (made_by_[v] != kNone && uses_[v] == 1) {
        const Operation& op = f_.operations[made_by_[v]];
        if (op.as<AllReduce>() != nullptr) return &op;
        if (op.as<Reshape>() == nullptr) return nullptr;
        v = op.operands[0];
    }
    return nullptr;
}

std::vector<int64_t> LoneSums::bucket_ends(const Operation& pack) const {
    std::vector<int64_t> ends;
    int64_t end = 0;
    bool any = false;
    for (ValueId v : pack.operands) {
        const bool lone = sum(v) != nullptr;
        any = any || lone;
        if (lone && end > 0 && (ends.empty() || ends.back() < end)) ends.push_back(end);
        end += packed_size(f_.type(v).elements());
        if (lone) ends.push_back(end);
    }
    if (!any) return {};
    if (ends.back() < end) ends.push_back(end);
    return ends;
}

SlotPlan::SlotPlan(const Module& module, const Function& function, SlotGroups& groups,
                   const SharedBuffers& buffers)
    : m_(module),
      f_(function),
      groups_(groups),
      buffers_(buffers),
      sums_(function, buffers.empty() ? 1 : buffers.begin()->second.processes),
      made_by_(function.values.size(), kNone),
      source_(function.values.size(), kNone),
      cut_(function.values.size(), 0),
      needed_(function.values.size(), false),
      whole_(function.values.size(), false),
      read_whole_(function.values.size(), false),
      live_(function.operations.size(), false) {
    for (size_t i = 0; i < f_.operations.size(); ++i)
        for (ValueId v : f_.operations[i].results) made_by_[v] = static_cast<int>(i);
    find_updates();
    find_live();
    for (size_t i = 0; i < f_.operations.size(); ++i)
        if (live_[i]) look_at(f_.operations[i]);
    for (const Update& update : f_.updates)
        if (!is_grouped(update.state)) read_whole(update.value);
    for (const NamedValue& result : f_.results) read_whole(result.value);
    for (const auto& [group, values] : packed_)
        for (ValueId v : values) read_whole(v);
    for (size_t i = 0; i < f_.operations.size(); ++i)
        if (live_[i] && is_split(f_.operations[i])) look_at_parts(f_.operations[i]);
    for (size_t i = 0; i < f_.operations.size(); ++i)
        if (live_[i] && is_cut(f_.operations[i])) look_at_results(f_.operations[i]);
}

ValueId SlotPlan::new_slots(int group) const {
    const auto found = direct_.find(group);
    return found == direct_.end() ? kNone : found->second;
}

std::vector<ValueId> SlotPlan::new_values(int group) const {
    const auto found = packed_.find(group);
    return found == packed_.end() ? std::vector<ValueId>() : found->second;
}

bool SlotPlan::are_new_slots(ValueId v) const {
    return std::any_of(direct_.begin(), direct_.end(),
                       [&](const auto& each) { return each.second == v; });
}

bool SlotPlan::has_group(int64_t numbers) const {
    return std::any_of(groups_.begin(), groups_.end(), [&](const SlotGroup& group) {
        return group.fits && group.numbers == numbers;
    });
}

int SlotPlan::group_of(StateId state) const {
    for (size_t g = 0; state != kNone && g < groups_.size(); ++g)
        if (groups_[g].fits && groups_[g].has(state)) return static_cast<int>(g);
    return kNone;
}

bool SlotPlan::is_scattered(ValueId v) const {
    const Operation* op = maker(v);
    const Type& type = f_.type(v);
    return op != nullptr && op->as<AllReduce>() != nullptr && !read_whole_[v] && type.rank() == 1 &&
           has_group(type.elements());
}

bool SlotPlan::is_split(const Operation& op) const {
    if (op.as<Pack>() == nullptr || packed_states(f_, op) != kNone || read_whole_[op.result()])
        return false;
    const Type& type = f_.type(op.result());
    const auto buffer = buffers_.find(type.elements());
    return buffer != buffers_.end() && type.dtype == DType::kF32 && has_group(type.elements()) &&
           sums_.bucket_ends(op) == buffer->second.ends;
}

std::set<ValueId> SlotPlan::made_anew(const Operation& op) const {
    const auto is_common = [&](ValueId v) {
        return source_[v] == kNone && !is_scattered(v) &&
               (maker(v) == nullptr || !is_split(*maker(v)));
    };
    std::set<ValueId> common, anew;
    for (ValueId v : op.operands)
        if (is_common(v)) common.insert(v);
    for (const Operation& inner : op.body) {
        const ValueId v = inner.result();
        const bool follows = std::all_of(inner.operands.begin(), inner.operands.end(),
                                         [&](ValueId x) { return common.count(x) != 0; });
        const bool whole =
            whole_[v] && std::find(op.results.begin(), op.results.end(), v) != op.results.end();
        if (follows && whole && !are_new_slots(v)) anew.insert(v);
        if (follows || whole) common.insert(v);
    }
    return anew;
}

SlotPlan::Piece SlotPlan::piece_of(ValueId v) const {
    const Operation* op = maker(v);
    if (op != nullptr && op->as<Reshape>() != nullptr) op = maker(op->operands[0]);
    const auto* slice = op == nullptr ? nullptr : op->as<Slice>();
    if (slice == nullptr || f_.type(op->operands[0]).rank() != 1 || slice->stride(0) != 1)
        return {};
    return {op->operands[0], slice->starts[0]};
}

/// New slots are direct where they are the slices of one value, as they lie in it.
void SlotPlan::find_updates() {
    std::map<int, std::map<StateId, ValueId>> updates;
    for (const Update& update : f_.updates)
        if (const int g = group_of(update.state); g != kNone)
            updates[g][update.state] = update.value;
    for (const auto& [g, values] : updates) {
        const SlotGroup& group = groups_[g];
        if (values.size() != group.count) {
            groups_[g].fits = false;
            continue;
        }
        const Piece first = piece_of(values.begin()->second);
        bool direct = first.of != kNone && f_.type(first.of) == f32({group.numbers});
        int64_t begin = 0;
        for (const auto& [state, value] : values) {
            const Piece piece = piece_of(value);
            direct = direct && piece.of == first.of && piece.begin == begin;
            begin += packed_size(m_.states[state].type.elements());
            packed_[g].push_back(value);
        }
        if (!direct) continue;
        packed_.erase(g);
        direct_[g] = first.of;
    }
}

void SlotPlan::find_live() {
    for (const Update& update : f_.updates)
        if (!is_grouped(update.state)) needed_[update.value] = true;
    for (const NamedValue& result : f_.results) needed_[result.value] = true;
    for (const auto& [group, value] : direct_) needed_[value] = true;
    for (const auto& [group, values] : packed_)
        for (ValueId v : values) needed_[v] = true;
    for (size_t i = f_.operations.size(); i-- > 0;) {
        const Operation& op = f_.operations[i];
        live_[i] = std::any_of(op.results.begin(), op.results.end(),
                               [&](ValueId v) { return needed_[v]; });
        for (ValueId v : op.operands) needed_[v] = needed_[v] || live_[i];
    }
}

void SlotPlan::look_at(const Operation& op) {
    if (const StateId first = packed_states(f_, op); first != kNone) {
        const int g = group_of(first);
        if (g != kNone && groups_[g].first == first && groups_[g].count == op.operands.size()) {
            source_[op.result()] = g;
            return;
        }
    }
    const auto source = std::find_if(op.operands.begin(), op.operands.end(),
                                     [&](ValueId v) { return source_[v] != kNone; });
    if (source != op.operands.end()) {
        const int64_t numbers = groups_[source_[*source]].numbers;
        if (can_be_cut(op, numbers)) {
            for (ValueId v : op.results) cut_[v] = numbers;
            return;
        }
    }
    for (ValueId v : op.operands) read_whole(v);
}

void SlotPlan::look_at_parts(const Operation& pack) {
    for (ValueId v : pack.operands) {
        const Operation* sum = sums_.sum(v);
        for (ValueId at = v; sum != nullptr; at = maker(at)->operands[0]) {
            lone_.insert(at);
            if (maker(at) == sum) break;
        }
    }
}

/// What is not f32 is not put together from parts.
void SlotPlan::look_at_results(const Operation& op) {
    const std::set<ValueId> anew = made_anew(op);
    for (ValueId v : op.results)
        if (whole_[v] && f_.type(v).dtype != DType::kF32 && anew.count(v) == 0)
            for (SlotGroup& group : groups_)
                if (group.numbers == cut_[v]) group.fits = false;
}

/// Something needs all of a value. Slots are not put together in a step.
void SlotPlan::read_whole(ValueId v) {
    read_whole_[v] = true;
    if (const int g = group_of(f_.values[v].state); g != kNone) groups_[g].fits = false;
    if (source_[v] != kNone) groups_[source_[v]].fits = false;
    whole_[v] = cut_[v] > 0;
}

/// Whether a loop computes each of so many numbers from those at the same place, and from scalars.
bool SlotPlan::can_be_cut(const Operation& op, int64_t numbers) const {
    for (ValueId v : op.operands)
        if (group_of(f_.values[v].state) != kNone ||
            (f_.type(v) != f32({numbers}) && f_.type(v).rank() != 0))
            return false;
    if (op.as<Fused>() == nullptr) return op.info().has(kElementwise);
    return op.as<Fused>()->space == Shape{numbers} &&
           std::all_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
               if (f_.type(inner.result()).shape != Shape{numbers}) return false;
               if (inner.as<Constant>() != nullptr) return true;
               if (inner.as<Broadcast>() != nullptr) return f_.type(inner.operands[0]).rank() == 0;
               return inner.info().has(kElementwise);
           });
}

}  // namespace gmc
