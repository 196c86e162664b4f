// Lifetimes, in-place pairs, packing.
#include "compiler/passes/memory/plan_memory.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/views.h"
#include "compiler/passes/memory/memory_views.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

constexpr int kAtEntry = -1;

/// Values that share one piece of memory.
struct Buffer {
    int64_t bytes = 0;
    int first = 0, last = 0;  ///< operations, inclusive; kAtEntry for inputs
    int64_t offset = kNone;
};

/// Where a value is within a buffer.
struct Place {
    int buffer = kNone;
    int64_t bytes = 0;  ///< from the start of the buffer
};

class State {
  public:
    explicit State(Function& function) : f_(function), views_(function) {}

    bool run() {
        const std::vector<Value> before = f_.values;
        const int64_t bytes_before = f_.arena_bytes;
        share();
        pack();
        bool changed = bytes_before != f_.arena_bytes;
        for (size_t i = 0; i < before.size(); ++i)
            changed |= before[i].arena_offset != f_.values[i].arena_offset ||
                       before[i].home != f_.values[i].home;
        return changed;
    }

    std::vector<int64_t> live_bytes() {
        share();
        std::vector<int64_t> live(f_.operations.size(), 0);
        for (const Buffer& b : buffers_)
            for (int i = std::max(b.first, 0); i <= b.last && i < static_cast<int>(live.size());
                 ++i)
                live[i] += b.bytes;
        return live;
    }

  private:
    /// Decides who shares memory with whom.
    void share() {
        for (Value& v : f_.values) v.arena_offset = v.home = kNone;
        find_lifetimes();
        write_states_in_place();
        make_buffers();
    }

    View root(ValueId v) const { return views_.root(v); }

    void find_lifetimes() {
        first_.assign(f_.values.size(), kAtEntry);
        last_.assign(f_.values.size(), kAtEntry);
        maker_.assign(f_.values.size(), kNone);
        const int end = static_cast<int>(f_.operations.size());
        const auto read = [&](ValueId v, int i) {
            int& last = last_[root(v).of];
            last = std::max(last, i);
        };
        for (int i = end; i-- > 0;)
            for (ValueId v : f_.operations[i].results) maker_[v] = first_[root(v).of] = i;
        for (int i = 0; i < end; ++i) {
            for (ValueId v : f_.operations[i].operands) read(v, i);
            for (ValueId v : f_.operations[i].results) read(v, i);
        }
        for (const Input& input : f_.inputs) first_[root(input.value).of] = kAtEntry;
        for (const NamedValue& r : f_.results) read(r.value, end);
        for (const Update& u : f_.updates) read(u.value, end);
    }

    /// Whether `op` touches element i of `operand` only while it makes element i of its results.
    static bool index_by_index(const Operation& op, ValueId operand) {
        if (op.as<Fused>() == nullptr) return op.info().has(kElementwise);
        return std::all_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
            return inner.info().has(kElementwise) || inner.info().has(kReduction) ||
                   std::find(inner.operands.begin(), inner.operands.end(), operand) ==
                       inner.operands.end();
        });
    }

    /// A result that a loop stores element by element, not a reduction.
    static bool stored_by_index(const Operation& op, ValueId result) {
        if (op.as<Fused>() == nullptr) return op.info().has(kElementwise);
        return std::any_of(op.body.begin(), op.body.end(), [&](const Operation& inner) {
            return inner.result() == result && !inner.info().has(kReduction);
        });
    }

    /// What a state becomes, as a part of a value.
    struct Part {
        int64_t bytes = 0;  ///< from the start of the value
        Update update;
    };

    void write_states_in_place() {
        // What leaves the function must not change with the states.
        const int end = static_cast<int>(f_.operations.size());
        for (const Operation& op : f_.operations)
            if (op.as<Pack>() != nullptr && last_[op.result()] < end)
                f_.values[op.result()].home = packed_states(f_, op);
        std::map<ValueId, std::vector<Part>> parts_of;
        for (const Update& u : f_.updates) {
            const View at = root(u.value);
            parts_of[at.of].push_back({at.bytes, u});
        }
        for (auto& [value, parts] : parts_of) {
            std::sort(parts.begin(), parts.end(),
                      [](const Part& a, const Part& b) { return a.bytes < b.bytes; });
            if (maker_[value] >= 0 && views_.states(value).empty() && are_whole(value, parts) &&
                may_write_over_states(value, parts))
                give_home(value, parts);
        }
    }

    /// Whether the parts update neighbours, lie as these do, and are all there is of the value.
    bool are_whole(ValueId value, const std::vector<Part>& parts) const {
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
        // Other slices of it would have no place that could be written down; what a concat or pack
        // joins is written earlier than that.
        return std::all_of(f_.operations.begin(), f_.operations.end(), [&](const Operation& op) {
            if (!views_.is_view(op.result()) || root(op.result()).of != value) return true;
            if (op.as<Reshape>() == nullptr && op.as<Slice>() == nullptr) return false;
            return root(op.operands[0]).of == value &&
                   (op.as<Reshape>() != nullptr || part_at(op.result(), parts) != nullptr);
        });
    }

    const Part* part_at(ValueId slice, const std::vector<Part>& parts) const {
        const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& p) {
            return p.bytes == root(slice).bytes &&
                   f_.type(p.update.value).elements() == f_.type(slice).elements();
        });
        return found == parts.end() ? nullptr : &*found;
    }

    /// Whether nothing reads the old states later than `value` is made, nor other than index by
    /// index then.
    bool may_write_over_states(ValueId value, const std::vector<Part>& parts) const {
        const int maker = maker_[value];
        const Operation& op = f_.operations[maker];
        const StateId first = parts.front().update.state;
        const auto end = first + static_cast<StateId>(parts.size());
        for (size_t v = 0; v < f_.values.size(); ++v) {
            const auto old = static_cast<ValueId>(v);
            const std::vector<ValueId>& states = views_.states(old);
            const bool overlaps = std::any_of(states.begin(), states.end(), [&](ValueId s) {
                return first <= f_.values[s].state && f_.values[s].state < end;
            });
            if (!overlaps || last_[old] < maker) continue;
            const bool same = f_.values[states[0]].state == first && states.size() == parts.size();
            if (last_[old] > maker || !same || !stored_by_index(op, value) ||
                !only_by_index(op, {old, 0}, f_.type(value).bytes()))
                return false;
        }
        return true;
    }

    void give_home(ValueId value, const std::vector<Part>& parts) {
        f_.values[value].home = parts.front().update.state;
        for (const Operation& op : f_.operations)
            if (op.as<Slice>() != nullptr && views_.is_view(op.result()) &&
                root(op.result()).of == value)
                f_.values[op.result()].home = part_at(op.result(), parts)->update.state;
    }

    bool is_state(ValueId v) const {
        return f_.values[v].state != kNone || f_.values[v].home != kNone;
    }

    void make_buffers() {
        for (const Input& input : f_.inputs) is_input_.insert(input.value);
        place_.assign(f_.values.size(), {});
        for (const Input& input : f_.inputs) place(input.value);
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation& op = f_.operations[i];
            for (ValueId v : op.results)
                if (views_.is_view(v) || (!is_state(v) && !take_over(op, v, static_cast<int>(i))))
                    place(v);
        }
    }

    /// Gives what `v` lies in a buffer, if it has none.
    void place(ValueId v) {
        const ValueId whole = root(v).of;
        if (place_[whole].buffer != kNone || is_state(whole)) return;
        place_[whole].buffer = static_cast<int>(buffers_.size());
        buffers_.push_back({aligned_bytes(f_.type(whole)), first_[whole], last_[whole]});
        // Numbers share with nothing: the runtime may compute them earlier.
        if (f_.type(whole).elements() == 1)
            buffers_.back().first = kAtEntry,
            buffers_.back().last = static_cast<int>(f_.operations.size());
    }
    Place place_of(ValueId v) const {
        const View view = root(v);
        return {place_[view.of].buffer, place_[view.of].bytes + view.bytes};
    }

    /// Puts `v` where an operand of `op` dies now, and all that shares its buffer. Inputs stay as
    /// they came, so that a call can be repeated.
    bool take_over(const Operation& op, ValueId v, int now) {
        if (place_[v].buffer != kNone || !stored_by_index(op, v)) return false;
        for (ValueId operand : op.operands) {
            const View o = root(operand);
            const Place at = place_of(operand);
            if (at.buffer == kNone || is_input_.count(o.of) != 0 || buffers_[at.buffer].last != now)
                continue;
            const int64_t bytes = f_.type(v).bytes();
            if (f_.type(operand).bytes() != bytes || !only_by_index(op, o, bytes)) continue;
            place_[v] = at;
            // One operation longer than needed where `v` is never read, so that no other result
            // takes it over too.
            buffers_[at.buffer].last = std::max(last_[v], now + 1);
            return true;
        }
        return false;
    }

    /// Whether every operand that looks at this piece of memory is all of it, read index by index.
    bool only_by_index(const Operation& op, const View& piece, int64_t bytes) const {
        return std::all_of(op.operands.begin(), op.operands.end(), [&](ValueId v) {
            const View view = root(v);
            const int64_t size = f_.type(v).bytes();
            const bool apart = view.of != piece.of || view.bytes + size <= piece.bytes ||
                               piece.bytes + bytes <= view.bytes;
            return apart || (view.bytes == piece.bytes && size == bytes && index_by_index(op, v));
        });
    }

    void pack() {
        std::vector<int> order(buffers_.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return buffers_[a].bytes > buffers_[b].bytes; });
        f_.arena_bytes = 0;
        std::vector<int> placed;
        for (int i : order) {
            buffers_[i].offset = lowest_gap(buffers_[i], placed);
            f_.arena_bytes = std::max(f_.arena_bytes, buffers_[i].offset + buffers_[i].bytes);
            placed.push_back(i);
        }
        f_.unplanned_bytes = 0;
        for (const Input& input : f_.inputs) note_place(input.value);
        for (const Operation& op : f_.operations)
            if (op.as<Reshape>() == nullptr)
                for (ValueId v : op.results) note_place(v);
    }

    void note_place(ValueId v) {
        const Place at = place_of(v);
        if (at.buffer == kNone) return;
        f_.values[v].arena_offset = buffers_[at.buffer].offset + at.bytes;
        f_.unplanned_bytes += aligned_bytes(f_.type(v));
    }

    int64_t lowest_gap(const Buffer& buffer, const std::vector<int>& placed) const {
        std::vector<const Buffer*> alive;
        for (int i : placed)
            if (buffers_[i].first <= buffer.last && buffer.first <= buffers_[i].last)
                alive.push_back(&buffers_[i]);
        std::sort(alive.begin(), alive.end(),
                  [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
        int64_t offset = 0;
        for (const Buffer* other : alive) {
            if (other->offset - offset >= buffer.bytes) break;
            offset = std::max(offset, other->offset + other->bytes);
        }
        return offset;
    }

    Function& f_;
    MemoryViews views_;
    std::vector<int> first_, last_;  ///< by value (roots): lifetime
    std::vector<int> maker_;         ///< by value: the operation that makes it
    std::vector<Place> place_;       ///< by value (roots)
    std::vector<Buffer> buffers_;
    std::set<ValueId> is_input_;
};

}  // namespace

int64_t arena_bytes_of(Function function) {
    State(function).run();
    return function.arena_bytes;
}

std::vector<int64_t> live_bytes_of(Function function) { return State(function).live_bytes(); }

Result<bool> plan_memory(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= State(function).run();
    return changed;
}

}  // namespace gmc::passes
