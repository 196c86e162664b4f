// The invariants of a planned function. A place is an offset in the arena, or a state's memory (`at
// @w`).
//   scans      the workspace of a scan, in which the values of its body lie, is inside the arena
//              and shares no byte with what is alive then. Captured inputs of a body have no place:
//              they are where they are outside. A carried input lives to the end of the body,
//              unless what the next pass gets is written over it
//   places     inputs and results of ops have a place; states, and values that stay inside a fused
//              body, have none; the result of a reshape has its operand's place, or none. A slice
//              whose place is where its part of the operand is, is a view: nothing is copied
//   arena      places are multiples of 64 bytes and inside the arena
//   overlap    no two values that are alive at the same time share a byte. A value lives from the
//              op that makes it to the last op that reads it, or to the end when it is a result or
//              an update. An element-wise op may write its result exactly over an operand that no
//              later op reads. A concat or pack does not write operands that are in their place
//              already
//   homes      a value at `@w` is the value that updates @w. No later op reads the old @w, and an
//              op that reads it and writes the new one does both element by element. A value may
//              cover @w and the states behind it: then slices of it update each of them, or it is a
//              pack of their old values
#include "compiler/ir/verify_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "compiler/ir/scan.h"
#include "compiler/ir/views.h"
#include "compiler/support/range_set.h"

namespace gmc::ir {
namespace {

/// After this many overlaps of a function the check ends: a module made to be bad could have a
/// quadratic number of them.
constexpr int kMostConflicts = 50;

/// One tensor in memory: a value and the reshapes of it, which share its bytes.
struct Buffer {
    ValueId value = kNone;
    int64_t first = 0;  ///< index of the op that writes it; -1 for inputs and states
    /// Index of the last op that reads it; the number of ops when it is needed at the end.
    int64_t last = 0;
    int32_t viewed = kNone;     ///< of a slice that is a view: the buffer it is a part of
    bool in_states = false;     ///< in the memory of states, not in the arena
    bool is_workspace = false;  ///< of the scan whose first result is `value`
    /// Bytes in the arena, or in the memory of all states. An offset that is too large for any is
    /// kLargestMemory, so that sums with it do not overflow.
    int64_t begin = 0, end = 0;
    bool overlaps(const Buffer& other) const {
        return in_states == other.in_states && begin < other.end && other.begin < end;
    }
};

/// Checks the plan of one function. First every value gets a Buffer with its lifetime and its
/// bytes, worked out anew from the function, not taken from the pass. Then each buffer is checked
/// alone (check_place, check_home), and against those that it could overlap (check_home in the
/// states, check_overlaps in the arena).
class PlanCheck {
  public:
    PlanCheck(const Module& module, const Function& function, VerifyReport& report)
        : module_(module),
          function_(function),
          report_(report),
          owner_(function.values.size(), kNone),
          buffer_of_(function.values.size(), kNone) {
        for (size_t i = 0; i <= module.states.size(); ++i)
            offsets_.push_back(i == 0 ? 0
                                      : offsets_[i - 1] + packed_bytes(module.states[i - 1].type));
        for (const Update& u : function.updates) updates_of_[u.state].push_back(u.value);
    }

    void run() {
        if (function_.arena_bytes < 0) {
            report_.error(function_, "has no memory plan");
            return;
        }
        if (function_.arena_bytes > kLargestMemory) {
            report_.error(function_,
                          fmt::format("an arena of {} bytes is more than any machine has",
                                      function_.arena_bytes));
            return;
        }
        for (const Operation& op : function_.operations) check_body(op);
        find_buffers();
        find_sharers();
        for (const Buffer& b : buffers_) {
            if (function_.values[b.value].state != kNone) continue;
            if (b.is_workspace)
                check_workspace(b);
            else if (is_captured(b.value))
                check_captured(b.value);
            else if (function_.values[b.value].home == kNone)
                check_place(b);
            else if (b.viewed == kNone)
                check_home(b);
        }
        check_overlaps();
    }

  private:
    std::string shown(ValueId value) const {
        return fmt::format("`%{}`", function_.values[value].name);
    }

    /// Errors about values point at the op that makes them.
    void error(const Buffer& b, const std::string& text) {
        if (b.first < 0)
            report_.error(function_, text);
        else
            report_.error(function_, function_.operations[b.first], text);
    }

    void add_buffer(ValueId value, int64_t first) {
        owner_[value] = value;
        buffer_of_[value] = static_cast<int32_t>(buffers_.size());
        buffers_.push_back({value, first, first});
        Buffer& b = buffers_.back();
        const Value& v = function_.values[value];
        b.in_states = v.state != kNone || v.home != kNone;
        b.begin = b.in_states ? offsets_[v.state != kNone ? v.state : v.home]
                              : std::min(v.arena_offset, kLargestMemory);
        b.end = b.begin + v.type.bytes();
    }

    /// Walks the operations in order. The index of an operation is the time; inputs and states
    /// exist from -1, results and updates are needed until the number of operations.
    void find_buffers() {
        const auto end = static_cast<int64_t>(function_.operations.size());
        for (const Input& input : function_.inputs) add_buffer(input.value, -1);
        for (size_t i = 0; i < function_.values.size(); ++i)
            if (function_.values[i].state != kNone) add_buffer(static_cast<ValueId>(i), -1);
        for (int64_t i = 0; i < end; ++i) {
            const Operation& op = function_.operations[i];
            for (ValueId operand : op.operands) extend(operand, i);
            if (op.as<Reshape>() != nullptr)
                reshape(op);
            else
                for (ValueId result : op.results) add_buffer(result, i);
            if (op.as<Slice>() != nullptr) slice(op);
            if (op.as<Scan>() != nullptr) add_workspace(op, i);
        }
        const size_t carried = function_.is_body ? scan_parts(function_).carried : 0;
        for (size_t i = 0; i < carried; ++i) {
            const ValueId now = function_.inputs[i].value, next = function_.results[i].value;
            if (function_.values[now].arena_offset != function_.values[next].arena_offset)
                extend(now, end);
        }
        for (const Update& update : function_.updates) extend(update.value, end);
        for (const NamedValue& result : function_.results) extend(result.value, end);
    }

    void add_workspace(const Operation& op, int64_t index) {
        Buffer b{op.result(), index, index};
        const Function* body = body_of(module_, op);
        b.is_workspace = true;
        b.begin = std::min(op.as<Scan>()->workspace, kLargestMemory);
        b.end = b.begin + (body == nullptr ? 0 : workspace_bytes(*body, *op.as<Scan>()));
        buffers_.push_back(b);
    }

    void check_workspace(const Buffer& b) {
        if (b.begin < 0 || b.begin % kTensorAlignment != 0 || b.end > function_.arena_bytes)
            error(b, fmt::format("the workspace at {} is no place for {} bytes in the arena of {}",
                                 b.begin, b.end - b.begin, function_.arena_bytes));
    }

    bool is_captured(ValueId value) const {
        return std::any_of(
            function_.inputs.begin(), function_.inputs.end(), [&](const Input& input) {
                return input.value == value && input.source.kind == InputSource::Kind::kCaptured;
            });
    }
    void check_captured(ValueId value) {
        if (function_.values[value].arena_offset != kNone)
            report_.error(function_, fmt::format("{} is captured, but has a place", shown(value)));
    }

    /// Notes that `value` is read at `index`. A view keeps the buffers alive in which it lies.
    void extend(ValueId value, int64_t index) {
        for (int32_t i = buffer_of_[owner_[value]]; i != kNone; i = buffers_[i].viewed)
            buffers_[i].last = std::max(buffers_[i].last, index);
    }

    const Buffer& buffer(ValueId value) const { return buffers_[buffer_of_[owner_[value]]]; }

    /// A slice whose place is exactly where its part of the operand lies is a view: nothing is
    /// copied, so it is no buffer of its own.
    void slice(const Operation& op) {
        const std::optional<int64_t> offset = view_offset(function_, op);
        const Buffer &whole = buffer(op.operands[0]), &part = buffers_.back();
        if (offset && whole.begin >= 0 && part.in_states == whole.in_states &&
            part.begin == whole.begin + *offset)
            buffers_.back().viewed = buffer_of_[owner_[op.operands[0]]];
    }

    /// A reshape is another name for its operand's buffer.
    void reshape(const Operation& op) {
        owner_[op.result()] = owner_[op.operands[0]];
        const Value& own = function_.values[op.result()];
        const Value& owner = function_.values[owner_[op.result()]];
        const bool none = own.arena_offset == kNone && own.home == kNone;
        if (!none && (own.arena_offset != owner.arena_offset || own.home != owner.home))
            report_.error(
                function_, op,
                fmt::format("{} is not where the operand of its reshape is", shown(op.result())));
    }

    /// Values that stay inside a loop are in no memory.
    void check_body(const Operation& op) {
        for (const Operation& inner : op.body) {
            const ValueId value = inner.result();
            const Value& v = function_.values[value];
            if (std::find(op.results.begin(), op.results.end(), value) == op.results.end() &&
                (v.arena_offset != kNone || v.home != kNone))
                report_.error(
                    function_, op,
                    fmt::format("{} has a place but does not leave the loop", shown(value)));
        }
    }

    void check_place(const Buffer& b) {
        const Value& v = function_.values[b.value];
        if (v.arena_offset < 0) {
            error(b, fmt::format("{} has no place in memory", shown(b.value)));
        } else if (v.arena_offset % kTensorAlignment != 0) {
            error(b, fmt::format("{} is at {}, which is no multiple of {} bytes", shown(b.value),
                                 v.arena_offset, kTensorAlignment));
        } else if (v.type.bytes() > function_.arena_bytes ||
                   v.arena_offset > function_.arena_bytes - v.type.bytes()) {
            error(b, fmt::format("{}, {} bytes at {}, ends behind the arena of {} bytes",
                                 shown(b.value), v.type.bytes(), v.arena_offset,
                                 function_.arena_bytes));
        }
    }

    /// A value that is computed in the memory of states (`at @w`). It must be the new value of
    /// every state that it covers, and everything else at these bytes must be out of the way: the
    /// old values are read by no later operation, and another new value there is an error.
    void check_home(const Buffer& b) {
        const std::string& name = module_.states[function_.values[b.value].home].name;
        const Operation* op = b.first < 0 ? nullptr : &function_.operations[b.first];
        if (op != nullptr && is_at_its_states(function_, *op)) {
            check_pack(b);
            return;
        }
        if (b.end > offsets_.back()) {
            error(b, fmt::format("{}, {} bytes at `@{}`, ends behind all states", shown(b.value),
                                 b.end - b.begin, name));
            return;
        }
        for (size_t id = first_state(b); id < module_.states.size() && offsets_[id] < b.end; ++id)
            if (offsets_[id] + module_.states[id].type.bytes() > b.begin &&
                !is_updated_by(static_cast<StateId>(id), offsets_[id], b))
                error(b, fmt::format("{} is at `@{}` but does not update it", shown(b.value),
                                     module_.states[id].name));
        for (int32_t i : sharing_states(b)) {
            const Buffer& other = buffers_[i];
            if (other.value == b.value || !b.overlaps(other)) continue;
            if (!is_old(other) && !is_pack_of_states(other)) {
                if (other.value < b.value) continue;  // once
                error(b, fmt::format("{} and {} are both at `@{}`", shown(b.value),
                                     shown(other.value), name));
            } else if (other.last > b.first ||
                       (other.last == b.first && !may_write_over(b.first, other.value, b.value))) {
                error(b, fmt::format("{} is written over `@{}`, whose old value is still read",
                                     shown(b.value), old_name(other)));
            }
        }
    }

    bool is_old(const Buffer& b) const { return function_.values[b.value].state != kNone; }
    bool is_pack_of_states(const Buffer& b) const {
        return b.first >= 0 && is_at_its_states(function_, function_.operations[b.first]);
    }
    const std::string& old_name(const Buffer& b) const {
        const Value& v = function_.values[b.value];
        return module_.states[v.state != kNone ? v.state : v.home].name;
    }

    /// Whether the new value of `state` is `b`, or the part of it that lies there.
    bool is_updated_by(StateId state, int64_t begin, const Buffer& b) const {
        const auto found = updates_of_.find(state);
        return found != updates_of_.end() &&
               std::any_of(found->second.begin(), found->second.end(), [&](ValueId v) {
                   return memory(v) == b.value && buffer(v).begin == begin;
               });
    }

    /// The first state whose memory reaches behind the beginning of a buffer.
    size_t first_state(const Buffer& b) const {
        return std::upper_bound(offsets_.begin() + 1, offsets_.end(), b.begin) -
               (offsets_.begin() + 1);
    }

    /// Notes which buffers lie in each state.
    void find_sharers() {
        sharers_.resize(module_.states.size());
        for (size_t i = 0; i < buffers_.size(); ++i) {
            const Buffer& b = buffers_[i];
            if (!b.in_states || b.viewed != kNone) continue;
            for (size_t id = first_state(b); id < sharers_.size() && offsets_[id] < b.end; ++id)
                sharers_[id].push_back(static_cast<int32_t>(i));
        }
    }

    /// Buffers that lie in the same states as `b`, which may overlap it.
    std::vector<int32_t> sharing_states(const Buffer& b) const {
        std::vector<int32_t> out;
        for (size_t id = first_state(b); id < sharers_.size() && offsets_[id] < b.end; ++id)
            out.insert(out.end(), sharers_[id].begin(), sharers_[id].end());
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }

    /// A pack of states copies nothing, so none of them may be written before its last reader.
    void check_pack(const Buffer& b) {
        for (int32_t i : sharing_states(b)) {
            const Buffer& other = buffers_[i];
            if (b.overlaps(other) && !is_old(other) && !is_pack_of_states(other) &&
                b.last > other.first)
                error(b, fmt::format("{} is read after {} was written over it", shown(b.value),
                                     shown(other.value)));
        }
    }

    /// Finds pairs of values in the arena that are alive at the same time and share bytes. It
    /// sweeps over the buffers in the order in which they are written, and keeps the set of those
    /// that are still alive in a RangeSet; `deaths` says who leaves it next. So it takes time n log
    /// n plus the number of overlaps, where comparing all pairs would take n^2.
    void check_overlaps() {
        std::vector<Buffer> placed;
        for (const Buffer& b : buffers_) {
            const Value& v = function_.values[b.value];
            // A view has no bytes of its own: what it is a part of lives as long (extend).
            if (!b.is_workspace &&
                (v.state != kNone || v.home != kNone || v.arena_offset < 0 || b.viewed != kNone))
                continue;
            if (b.begin >= b.end) continue;  // the workspace of a body without values
            placed.push_back(b);
        }
        // In the order in which they are written, each against what is alive then.
        std::stable_sort(placed.begin(), placed.end(),
                         [](const Buffer& x, const Buffer& y) { return x.first < y.first; });
        std::vector<ByteRange> ranges;
        for (const Buffer& b : placed) ranges.push_back({b.begin, b.end});
        RangeSet alive(ranges);
        using Death = std::pair<int64_t, size_t>;  // the last op that reads a value, and which
        std::priority_queue<Death, std::vector<Death>, std::greater<>> deaths;
        int conflicts = 0;
        for (size_t i = 0; i < placed.size() && conflicts < kMostConflicts; ++i) {
            const Buffer& late = placed[i];
            for (; !deaths.empty() && deaths.top().first < late.first; deaths.pop())
                alive.erase(deaths.top().second);
            for (const size_t other : alive.overlapping(ranges[i])) {
                const Buffer& early = placed[other];
                if (!conflict(early, late)) continue;
                error(late, fmt::format("{} and {} overlap in memory while both are needed",
                                        shown(early.value), shown(late.value)));
                if (++conflicts == kMostConflicts) break;
            }
            alive.insert(i);
            deaths.emplace(late.last, i);
        }
    }

    /// Whether two values whose bytes overlap are alive at the same time, and the later one is
    /// written where the earlier one is.
    bool conflict(const Buffer& x, const Buffer& y) {
        const Buffer& early = x.first <= y.first ? x : y;
        const Buffer& late = x.first <= y.first ? y : x;
        if (early.last < late.first || !writes(late, early)) return false;
        if (early.last > late.first || early.first == late.first) return true;
        return !may_write_over(late.first, early.value, late.value);
    }

    /// Whether the op that makes `late` writes bytes of `other`. A concat or pack does not write
    /// where an operand is in its place already.
    bool writes(const Buffer& late, const Buffer& other) {
        const Operation* op = late.first < 0 ? nullptr : &function_.operations[late.first];
        if (op == nullptr || (op->as<Concat>() == nullptr && op->as<Pack>() == nullptr))
            return true;
        if (op != joining_) {
            joining_ = op;
            joined_offsets_ = part_offsets(function_, *op);
        }
        const std::vector<int64_t>& offsets = joined_offsets_;
        if (offsets.empty()) return true;
        // From the last part that begins at `other` or before it.
        const auto behind =
            std::upper_bound(offsets.begin() + 1, offsets.end(), other.begin - late.begin);
        for (size_t i = behind - offsets.begin() - 1;
             i < offsets.size() && late.begin + offsets[i] < other.end; ++i) {
            const int64_t begin = late.begin + offsets[i];
            const int64_t end = begin + function_.type(op->operands[i]).bytes();
            const int64_t next = i + 1 < offsets.size() ? late.begin + offsets[i + 1] : late.end;
            const bool in_place = buffer(op->operands[i]).begin == begin;
            // Zeros between the parts of a pack are written in any case.
            if ((in_place ? end : begin) < other.end && other.begin < next) return true;
        }
        return false;
    }

    /// The value whose memory `value` is, or is a part of.
    ValueId memory(ValueId value) const {
        int32_t i = buffer_of_[owner_[value]];
        while (buffers_[i].viewed != kNone) i = buffers_[i].viewed;
        return buffers_[i].value;
    }

    /// Whether the op may write `result` over `source`, which it reads: it must read element i only
    /// to write element i.
    bool may_write_over(int64_t index, ValueId source, ValueId result) const {
        const Operation& op = function_.operations[index];
        const Type& type = function_.type(result);
        const bool loop = op.as<Fused>() != nullptr && type.shape == op.as<Fused>()->space;
        const bool by_element = op.info().has(kElementwise) || is_over_processes(op);
        if (!by_element && !loop) return false;
        return std::all_of(op.operands.begin(), op.operands.end(), [&](ValueId operand) {
            if (memory(operand) != source) return true;
            const Buffer &read = buffer(operand), &written = buffer(result);
            if (written.begin >= 0 && !read.overlaps(written)) return true;
            return function_.type(operand).dtype == type.dtype &&
                   function_.type(operand).elements() == type.elements() &&
                   read.begin == written.begin && (!loop || reads_by_index(op, operand));
        });
    }

    /// Whether the loop reads `operand` only at the element that it is computing. A broadcast reads
    /// an element for many results, so it would read what was overwritten.
    bool reads_by_index(const Operation& op, ValueId operand) const {
        return std::all_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
            return inner.as<Broadcast>() == nullptr || inner.operands[0] != operand;
        });
    }

    const Module& module_;
    const Function& function_;
    VerifyReport& report_;
    /// By value: the value whose memory it names, which for a reshape is that of its operand and
    /// else the value itself; kNone inside fused bodies.
    std::vector<ValueId> owner_;
    std::vector<int32_t> buffer_of_;  ///< by value: index into buffers_, for owners
    std::vector<Buffer> buffers_;
    std::vector<int64_t> offsets_;  ///< by state: where it begins in the memory of all; and the end
    std::map<StateId, std::vector<ValueId>> updates_of_;
    /// A pack can have thousands of parts, and writes() is asked about each of them, so the offsets
    /// of the last one asked for are kept.
    const Operation* joining_ = nullptr;  ///< the concat or pack that `writes` was asked about last
    std::vector<int64_t> joined_offsets_;        ///< of its parts
    std::vector<std::vector<int32_t>> sharers_;  ///< by state: buffers that lie in it
};

}  // namespace

void verify_plan(const Module& module, const Function& function, VerifyReport& report) {
    PlanCheck(module, function, report).run();
}

}  // namespace gmc::ir
