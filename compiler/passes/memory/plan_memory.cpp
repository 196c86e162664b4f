// Plans the memory of a function in four steps: lifetimes (find_lifetimes); new states that are
// written over the old ones (write_states_in_place); buffers, where a result may take over the
// buffer of an operand (make_buffers); offsets (pack). The first three take time in proportion to
// the function; placing n buffers compares each with those placed before it, n^2 in the worst case.
#include "compiler/passes/memory/plan_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "compiler/ir/builder.h"
#include "compiler/ir/scan.h"
#include "compiler/ir/views.h"
#include "compiler/passes/memory/memory_views.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

constexpr int kAtEntry = -1;

/// A piece of the arena. Several values may use it, one after another, or lie within it side by
/// side.
struct Buffer {
    int64_t bytes = 0;
    int first = 0, last = 0;  ///< operations, inclusive; kAtEntry for inputs
    int64_t offset = kNone;
};

/// Where a value is within the buffers.
struct Place {
    int buffer = kNone;
    int64_t bytes = 0;  ///< from the start of the buffer
};

/// Plans one function. Values that lie within another one are never planned themselves: everything
/// is asked of their container.
class Planner {
  public:
    Planner(const Module& module, Function& function)
        : m_(module), f_(function), views_(function) {}

    bool run() {
        const std::vector<Value> before = f_.values;
        const std::vector<int64_t> workspaces_before = workspaces();
        const int64_t bytes_before = f_.arena_bytes;
        share();
        pack();
        bool changed = bytes_before != f_.arena_bytes || workspaces_before != workspaces();
        for (size_t i = 0; i < before.size(); ++i)
            changed |= before[i].arena_offset != f_.values[i].arena_offset ||
                       before[i].home != f_.values[i].home;
        return changed;
    }

    std::vector<int64_t> live_bytes() {
        share();
        // First the bytes that begin to live at each operation less those that ended before it,
        // then the running sum of these.
        const auto end = static_cast<int>(f_.operations.size());
        std::vector<int64_t> live(f_.operations.size() + 1, 0);
        for (const Buffer& b : buffers_) {
            if (b.first >= end || b.last < std::max(b.first, 0)) continue;
            live[std::max(b.first, 0)] += b.bytes;
            live[std::min(b.last + 1, end)] -= b.bytes;
        }
        std::partial_sum(live.begin(), live.end(), live.begin());
        live.pop_back();
        return live;
    }

    /// The most that lives at one operation whatever is computed again: what it reads, makes,
    /// inputs, results. What may become new states, and have the memory of these, counts
    /// nothing; nor does a result that is stored element by element, and may take over the memory
    /// of what is read.
    int64_t needed_bytes() {
        share();
        const auto end = static_cast<int>(f_.operations.size());
        std::set<ValueId> new_states;
        for (const Update& u : f_.updates) new_states.insert(container(u.value).of);
        using Sizes = std::map<ValueId, int64_t>;  // by container
        const auto add = [&](Sizes& sizes, ValueId v) {
            const ValueId whole = container(v).of;
            if (is_state(whole) || is_captured_[whole] || new_states.count(whole) != 0) return;
            sizes[whole] = std::max(sizes[whole], f_.type(v).bytes());
        };
        int64_t most = 0;
        for (int i = 0; i < end; ++i) {
            const Operation& op = f_.operations[static_cast<size_t>(i)];
            Sizes read, made;
            for (const ValueId v : op.operands) add(read, v);
            for (const ValueId v : op.results) add(made, v);
            const bool over = std::any_of(op.results.begin(), op.results.end(),
                                          [&](ValueId v) { return stored_by_index(op, v); });
            if (over && sum_of(made) > sum_of(read)) std::swap(read, made);
            if (!over) read.merge(made);
            // A carried input of a body may be written over by its new value.
            for (const Input& input : f_.inputs)
                if (!(over && f_.is_body) && last_[container(input.value).of] >= i)
                    add(read, input.value);
            for (const NamedValue& r : f_.results)
                if (!over && first_[container(r.value).of] <= i) add(read, r.value);
            const bool scans = op.as<Scan>() != nullptr;
            most = std::max(most, sum_of(read) + (scans ? workspace_bytes(op) : 0));
        }
        return most;
    }

  private:
    static int64_t sum_of(const std::map<ValueId, int64_t>& sizes) {
        int64_t sum = 0;
        for (const auto& [value, bytes] : sizes) sum += bytes;
        return sum;
    }

    /// Decides which values use the memory of a state, and which use the same buffer.
    void share() {
        for (Value& v : f_.values) v.arena_offset = v.home = kNone;
        find_lifetimes();
        write_states_in_place();
        make_buffers();
    }

    View container(ValueId v) const { return views_.container(v); }

    std::vector<int64_t> workspaces() const {
        std::vector<int64_t> out;
        for (const Operation& op : f_.operations)
            if (const Scan* scan = op.as<Scan>()) out.push_back(scan->workspace);
        return out;
    }

    /// Fills `first_` and `last_` of containers: a container lives from the first operation that
    /// writes any part of it to the last that reads any part. Results are "read" by their own
    /// maker, so that a value nobody reads still has its place while it is written.
    void find_lifetimes() {
        first_.assign(f_.values.size(), kAtEntry);
        last_.assign(f_.values.size(), kAtEntry);
        maker_.assign(f_.values.size(), kNone);
        const int end = static_cast<int>(f_.operations.size());
        const auto read = [&](ValueId v, int i) {
            int& last = last_[container(v).of];
            last = std::max(last, i);
        };
        for (int i = end; i-- > 0;)
            for (ValueId v : f_.operations[i].results) maker_[v] = first_[container(v).of] = i;
        for (int i = 0; i < end; ++i) {
            for (ValueId v : f_.operations[i].operands) read(v, i);
            for (ValueId v : f_.operations[i].results) read(v, i);
        }
        for (const Input& input : f_.inputs) first_[container(input.value).of] = kAtEntry;
        for (const NamedValue& r : f_.results) read(r.value, end);
        for (const Update& u : f_.updates) read(u.value, end);
        find_carried(end);
    }

    /// A carried input of a body is needed until the next pass gets its new value, at the end: or
    /// until that is written over it, element by element, by the operation that reads it last.
    void find_carried(int end) {
        over_.assign(f_.values.size(), kNone);
        const size_t carried = f_.is_body ? scan_parts(f_).carried : 0;
        for (size_t i = 0; i < carried; ++i) {
            const ValueId now = f_.inputs[i].value, next = f_.results[i].value;
            const bool own_memory = !views_.is_view(now) && !views_.is_view(next);
            const int64_t bytes = f_.type(now).bytes();
            if (own_memory && maker_[next] >= 0 && last_[now] == maker_[next] &&
                f_.type(now).elements() > 1 && over_[next] == kNone &&
                stored_by_index(f_.operations[maker_[next]], next) &&
                only_by_index(f_.operations[maker_[next]], {now, 0}, bytes)) {
                over_[next] = now;
                continue;
            }
            int& last = last_[container(now).of];
            last = std::max(last, end);
        }
    }

    /// Whether `op` reads element i of `operand` only to compute element i of its results, or sums.
    bool index_by_index(const Operation& op, ValueId operand) const {
        if (is_over_processes(op)) return f_.type(operand) == f_.type(op.result());
        if (op.as<Fused>() == nullptr) return op.info().has(kElementwise);
        return std::all_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
            return inner.info().has(kElementwise) || inner.info().has(kReduction) ||
                   std::find(inner.operands.begin(), inner.operands.end(), operand) ==
                       inner.operands.end();
        });
    }

    /// Whether `op` stores element i of `result` as soon as it is computed; a reduction is stored
    /// when the loop has ended.
    static bool stored_by_index(const Operation& op, ValueId result) {
        if (is_over_processes(op)) return true;
        if (op.as<Fused>() == nullptr) return op.info().has(kElementwise);
        return std::any_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
            return inner.result() == result && !inner.info().has(kReduction);
        });
    }

    /// The new value of a state, which is a part of a larger value.
    struct NewState {
        int64_t bytes = 0;  ///< from the start of that value
        Update update;
    };

    /// Fills the tables that write_states_in_place looks things up in.
    void index_views() {
        viewers_.assign(f_.values.size(), {});
        for (size_t i = 0; i < f_.operations.size(); ++i)
            if (const ValueId v = f_.operations[i].result(); views_.is_view(v))
                viewers_[container(v).of].push_back(static_cast<int>(i));
        values_of_.clear();
        for (size_t v = 0; v < f_.values.size(); ++v)
            for (ValueId state : views_.states(static_cast<ValueId>(v)))
                values_of_[f_.values[state].state].push_back(static_cast<ValueId>(v));
    }

    /// Gives values that become states the memory of these states, where nothing needs the old
    /// contents any more.
    void write_states_in_place() {
        index_views();
        // A pack of states is the memory of the states. One that is needed at the end of the
        // function is copied instead, because updates change that memory.
        const int end = static_cast<int>(f_.operations.size());
        for (const Operation& op : f_.operations)
            if (op.as<Pack>() != nullptr && last_[op.result()] < end)
                f_.values[op.result()].home = packed_states(f_, op);
        std::map<ValueId, std::vector<NewState>> new_states_of;
        for (const Update& u : f_.updates) {
            const View at = container(u.value);
            new_states_of[at.of].push_back({at.bytes, u});
        }
        for (auto& [value, parts] : new_states_of) {
            std::sort(parts.begin(), parts.end(),
                      [](const NewState& a, const NewState& b) { return a.bytes < b.bytes; });
            if (maker_[value] >= 0 && views_.states(value).empty() && are_whole(value, parts) &&
                may_write_over_states(value, parts))
                give_home(value, parts);
        }
    }

    /// Whether these new states make up all of the value, in the order and at the distances in
    /// which the states lie in memory.
    bool are_whole(ValueId value, const std::vector<NewState>& parts) const {
        int64_t end = 0;
        for (size_t i = 0; i < parts.size(); ++i) {
            const Update& u = parts[i].update;
            const Type& type = f_.type(u.value);
            if (u.state != parts[0].update.state + static_cast<StateId>(i) || parts[i].bytes != end)
                return false;
            end += packed_size(type.elements()) * dtype_size(type.dtype);
        }
        const int64_t bytes = f_.type(value).bytes();
        if (bytes != end && (parts.size() > 1 || bytes != f_.type(parts[0].update.value).bytes()))
            return false;
        // Everything that lies within the value would move into the states with it. A slice that is
        // no new state would have no place there that a plan can name; and an operand of a concat
        // would be written into the states before the value is made, while they are still read.
        return std::all_of(viewers_[value].begin(), viewers_[value].end(), [&](int i) {
            const Operation& op = f_.operations[i];
            if (op.as<Reshape>() == nullptr && op.as<Slice>() == nullptr) return false;
            return container(op.operands[0]).of == value &&
                   (op.as<Reshape>() != nullptr || new_state_at(op.result(), parts) != nullptr);
        });
    }

    const NewState* new_state_at(ValueId slice, const std::vector<NewState>& parts) const {
        const auto found = std::lower_bound(
            parts.begin(), parts.end(), container(slice).bytes,
            [](const NewState& part, int64_t bytes) { return part.bytes < bytes; });
        const bool fits = found != parts.end() && found->bytes == container(slice).bytes &&
                          f_.type(found->update.value).elements() == f_.type(slice).elements();
        return fits ? &*found : nullptr;
    }

    /// Whether the old states are not needed any more once `value` is written over them: nothing
    /// reads them later, and the operation that makes `value` reads them element by element.
    bool may_write_over_states(ValueId value, const std::vector<NewState>& parts) const {
        const int maker = maker_[value];
        const Operation& op = f_.operations[maker];
        const StateId first = parts.front().update.state;
        const auto end = first + static_cast<StateId>(parts.size());
        std::set<ValueId> olds;
        for (StateId state = first; state < end; ++state)
            if (const auto found = values_of_.find(state); found != values_of_.end())
                olds.insert(found->second.begin(), found->second.end());
        for (ValueId old : olds) {
            const std::vector<ValueId>& states = views_.states(old);
            if (last_[old] < maker) continue;
            const bool same = f_.values[states[0]].state == first && states.size() == parts.size();
            if (last_[old] > maker || !same || !stored_by_index(op, value) ||
                !only_by_index(op, {old, 0}, f_.type(value).bytes()))
                return false;
        }
        return true;
    }

    /// Writes the decision into the values: the value is at its first state, and each slice of it
    /// at the state that it becomes.
    void give_home(ValueId value, const std::vector<NewState>& parts) {
        f_.values[value].home = parts.front().update.state;
        for (int i : viewers_[value])
            if (const ValueId v = f_.operations[i].result();
                f_.operations[i].as<Slice>() != nullptr)
                f_.values[v].home = new_state_at(v, parts)->update.state;
    }

    bool is_state(ValueId v) const {
        return f_.values[v].state != kNone || f_.values[v].home != kNone;
    }

    /// Inputs get buffers first; then each result, in program order, takes over an operand's buffer
    /// if it may, and else gets one of its own.
    void make_buffers() {
        is_input_.assign(f_.values.size(), false);
        is_captured_.assign(f_.values.size(), false);
        for (const Input& input : f_.inputs) {
            is_input_[input.value] = true;
            is_captured_[input.value] = input.source.kind == InputSource::Kind::kCaptured;
        }
        place_.assign(f_.values.size(), {});
        for (const Input& input : f_.inputs) place(input.value);
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation& op = f_.operations[i];
            if (op.as<Scan>() != nullptr) {
                workspace_of_.emplace_back(i, buffers_.size());
                buffers_.push_back({workspace_bytes(op), static_cast<int>(i), static_cast<int>(i)});
            }
            for (ValueId v : op.results)
                if (views_.is_view(v) || (!is_state(v) && !take_over(op, v, static_cast<int>(i))))
                    place(v);
        }
    }

    /// What the values of a scan's body need while it runs; 0 where that is not known yet.
    int64_t workspace_bytes(const Operation& op) const {
        const Function* body = body_of(m_, op);
        return body == nullptr ? 0 : ir::workspace_bytes(*body, *op.as<Scan>());
    }

    /// Gives the container of `v` a buffer, unless it has one, lies in a state, or is captured, and
    /// so lies outside.
    void place(ValueId v) {
        const ValueId whole = container(v).of;
        if (place_[whole].buffer != kNone || is_state(whole) || is_captured_[whole]) return;
        place_[whole].buffer = static_cast<int>(buffers_.size());
        buffers_.push_back({aligned_bytes(f_.type(whole)), first_[whole], last_[whole]});
        // A single number shares its place with nothing: the runtime may compute it earlier than
        // its place in the order says, when it is the same for the whole call.
        if (f_.type(whole).elements() == 1)
            buffers_.back().first = kAtEntry,
            buffers_.back().last = static_cast<int>(f_.operations.size());
    }
    Place place_of(ValueId v) const {
        const View view = container(v);
        return {place_[view.of].buffer, place_[view.of].bytes + view.bytes};
    }

    /// Gives `v` the place of an operand of `op` that nothing needs after this operation, `now`,
    /// when the operation reads and writes it element by element. Everything else in that buffer
    /// must end here as well. Inputs keep their places, so that the function can be called again
    /// with them.
    bool take_over(const Operation& op, ValueId v, int now) {
        if (over_[v] != kNone) {
            place_[v] = place_[over_[v]];
            buffers_[place_[v].buffer].last = last_[v];
            return true;
        }
        if (place_[v].buffer != kNone || !stored_by_index(op, v)) return false;
        // Of several such operands the one that was written last: it may still be in the cache, and
        // a contraction whose epilogue this operation is then writes its result to memory once.
        ValueId over = kNone;
        for (ValueId operand : op.operands) {
            const View o = container(operand);
            const Place at = place_of(operand);
            if (at.buffer == kNone || is_input_[o.of] || buffers_[at.buffer].last != now) continue;
            const int64_t bytes = f_.type(v).bytes();
            if (f_.type(operand).bytes() != bytes || !only_by_index(op, o, bytes)) continue;
            if (over == kNone || first_[o.of] > first_[container(over).of]) over = operand;
        }
        if (over == kNone) return false;
        place_[v] = place_of(over);
        // At least to the next operation, even where nothing reads `v`: two results of one
        // operation must not take over the same place.
        buffers_[place_[v].buffer].last = std::max(last_[v], now + 1);
        return true;
    }

    /// Whether `op` reads this piece of memory only through operands that are exactly this piece,
    /// and only element by element.
    bool only_by_index(const Operation& op, const View& piece, int64_t bytes) const {
        return std::all_of(op.operands.begin(), op.operands.end(), [&](ValueId v) {
            const View view = container(v);
            const int64_t size = f_.type(v).bytes();
            const bool apart = view.of != piece.of || view.bytes + size <= piece.bytes ||
                               piece.bytes + bytes <= view.bytes;
            return apart || (view.bytes == piece.bytes && size == bytes && index_by_index(op, v));
        });
    }

    /// Gives buffers their offsets: the largest first, each into the lowest gap that is free for as
    /// long as it lives (first fit by decreasing size).
    void pack() {
        std::vector<int> order(buffers_.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return buffers_[a].bytes > buffers_[b].bytes; });
        f_.arena_bytes = 0;
        std::vector<Buffer> placed;  // by increasing offset
        placed.reserve(buffers_.size());
        for (int i : order) {
            Buffer& buffer = buffers_[i];
            buffer.offset = lowest_gap(buffer, placed);
            f_.arena_bytes = std::max(f_.arena_bytes, buffer.offset + buffer.bytes);
            const auto behind = std::upper_bound(
                placed.begin(), placed.end(), buffer,
                [](const Buffer& x, const Buffer& y) { return x.offset < y.offset; });
            placed.insert(behind, buffer);
        }
        f_.unplanned_bytes = 0;
        for (const Input& input : f_.inputs) note_place(input.value);
        for (const Operation& op : f_.operations)
            if (op.as<Reshape>() == nullptr)
                for (ValueId v : op.results) note_place(v);
        for (const auto& [operation, buffer] : workspace_of_) {
            std::get<Scan>(f_.operations[operation].op).workspace = buffers_[buffer].offset;
            f_.unplanned_bytes += buffers_[buffer].bytes;
        }
    }

    /// Writes a value's offset, and counts its bytes as if nothing were shared.
    void note_place(ValueId v) {
        const Place at = place_of(v);
        if (at.buffer == kNone) return;
        f_.values[v].arena_offset = buffers_[at.buffer].offset + at.bytes;
        f_.unplanned_bytes += aligned_bytes(f_.type(v));
    }

    /// The lowest offset at which the buffer fits beside those that live at the same time. `placed`
    /// is sorted by offset, so one walk finds it.
    static int64_t lowest_gap(const Buffer& buffer, const std::vector<Buffer>& placed) {
        int64_t offset = 0;
        for (const Buffer& other : placed) {
            if (other.first > buffer.last || buffer.first > other.last) continue;
            if (other.offset - offset >= buffer.bytes) break;
            offset = std::max(offset, other.offset + other.bytes);
        }
        return offset;
    }

    const Module& m_;
    Function& f_;
    MemoryViews views_;
    /// By value, of the new values of carried inputs: the input that it is written over, or kNone.
    std::vector<ValueId> over_;
    std::vector<std::pair<size_t, size_t>> workspace_of_;  ///< scans and their buffers
    std::vector<int> first_, last_;                        ///< by value, of containers: lifetime
    std::vector<int> maker_;  ///< by value: the operation that makes it
    std::vector<std::vector<int>>
        viewers_;  ///< by value, of containers: operations whose result lies in it
    /// By state: values that are its old contents, alone or in a pack.
    std::unordered_map<StateId, std::vector<ValueId>> values_of_;
    std::vector<Place> place_;  ///< by value, of containers
    std::vector<Buffer> buffers_;
    std::vector<bool> is_input_, is_captured_;  ///< by value, of containers
};

}  // namespace

int64_t arena_bytes_of(const Module& module, Function function) {
    Planner(module, function).run();
    return function.arena_bytes;
}

std::vector<int64_t> live_bytes_of(const Module& module, Function function) {
    return Planner(module, function).live_bytes();
}

int64_t needed_bytes_of(const Module& module, Function function) {
    return Planner(module, function).needed_bytes();
}

Result<bool> plan_memory(Module& module, Diagnostics& diagnostics) {
    bool changed = false;
    for (Function& function : module.functions) {
        changed |= Planner(module, function).run();
        if (function.arena_bytes <= kLargestMemory) continue;
        const Operation& largest = *std::max_element(
            function.operations.begin(), function.operations.end(),
            [&](const Operation& a, const Operation& b) {
                return function.type(a.results[0]).bytes() < function.type(b.results[0]).bytes();
            });
        TooLarge(fmt::format("`{}` needs {} GiB of memory, of which this makes the largest tensor, "
                             "{}; at most {} fit",
                             function.name, function.arena_bytes >> 30,
                             to_string(function.type(largest.results[0])), kLargestMemory >> 30),
                 largest.location)
            .report(module, diagnostics);
        return Failure{};
    }
    return changed;
}

}  // namespace gmc::passes
