// Lifetimes, in-place pairs, packing.
#include "compiler/passes/plan_memory.h"

#include <algorithm>
#include <map>
#include <set>

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

constexpr int64_t kAlignment = 64;  ///< bytes: a cache line and the widest vector
constexpr int kAtEntry = -1;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Values that share one piece of memory.
struct Buffer {
    int64_t bytes = 0;
    int first = 0, last = 0;  ///< operations, inclusive; kAtEntry for inputs
    int64_t offset = kNone;
};

class State {
  public:
    explicit State(Function& function) : f_(function) {}

    bool run() {
        const std::vector<Value> before = f_.values;
        const int64_t bytes_before = f_.arena_bytes;
        for (Value& v : f_.values) v.arena_offset = v.home = kNone;
        find_lifetimes();
        write_states_in_place();
        make_buffers();
        pack();
        bool changed = bytes_before != f_.arena_bytes;
        for (size_t i = 0; i < before.size(); ++i)
            changed |= before[i].arena_offset != f_.values[i].arena_offset ||
                       before[i].home != f_.values[i].home;
        return changed;
    }

  private:
    /// The value whose memory `v` is: reshapes only look at their operand.
    ValueId root(ValueId v) const { return alias_[v] == kNone ? v : alias_[v]; }

    void find_lifetimes() {
        alias_.assign(f_.values.size(), kNone);
        first_.assign(f_.values.size(), kAtEntry);
        last_.assign(f_.values.size(), kAtEntry);
        maker_.assign(f_.values.size(), kNone);
        const int end = static_cast<int>(f_.operations.size());
        for (int i = 0; i < end; ++i) {
            const Operation& op = f_.operations[i];
            if (op.as<Reshape>() != nullptr) alias_[op.result()] = root(op.operands[0]);
            for (ValueId v : op.operands) last_[root(v)] = i;
            for (ValueId v : op.results) {
                maker_[v] = first_[v] = i;
                last_[root(v)] = std::max(last_[root(v)], i);
            }
        }
        for (const NamedValue& r : f_.results) last_[root(r.value)] = end;
        for (const Update& u : f_.updates) last_[root(u.value)] = end;
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

    void write_states_in_place() {
        std::map<ValueId, int> updates_of;
        for (const Update& u : f_.updates) ++updates_of[u.value];
        for (const Update& u : f_.updates) {
            const int maker = maker_[u.value];
            if (maker < 0 || alias_[u.value] != kNone || updates_of[u.value] > 1) continue;
            ValueId old = kNone;
            for (size_t v = 0; v < f_.values.size(); ++v)
                if (f_.values[v].state == u.state) old = static_cast<ValueId>(v);
            const Operation& op = f_.operations[maker];
            const bool reads_old = old != kNone && std::find(op.operands.begin(), op.operands.end(),
                                                             old) != op.operands.end();
            const bool free = old == kNone || last_[old] < maker ||
                              (last_[old] == maker && reads_old && by_index_only(op, old) &&
                               stored_by_index(op, u.value));
            if (free) f_.values[u.value].home = u.state;
        }
    }

    bool needs_place(ValueId v) const {
        return f_.values[v].state == kNone && f_.values[v].home == kNone && alias_[v] == kNone &&
               (maker_[v] != kNone || is_input_.count(v) != 0);
    }

    void make_buffers() {
        for (const Input& input : f_.inputs) is_input_.insert(input.value);
        buffer_of_.assign(f_.values.size(), kNone);
        for (const Input& input : f_.inputs) new_buffer(input.value);
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation& op = f_.operations[i];
            for (ValueId v : op.results)
                if (needs_place(v) && !take_over(op, v, static_cast<int>(i))) new_buffer(v);
        }
    }

    void new_buffer(ValueId v) {
        buffer_of_[v] = static_cast<int>(buffers_.size());
        buffers_.push_back({aligned(f_.type(v).bytes()), first_[v], last_[v]});
    }

    /// Puts `v` where an operand of `op` dies now. Inputs stay as they came, so that a call can be
    /// repeated.
    bool take_over(const Operation& op, ValueId v, int now) {
        if (!stored_by_index(op, v)) return false;
        for (ValueId operand : op.operands) {
            const ValueId o = root(operand);
            const int b = buffer_of_[o];
            if (b == kNone || is_input_.count(o) != 0 || buffers_[b].last != now || last_[o] != now)
                continue;
            if (f_.type(o).bytes() != f_.type(v).bytes() || !by_index_only(op, o)) continue;
            buffer_of_[v] = b;
            // One operation longer than needed where `v` is never read, so that no other result
            // takes it over too.
            buffers_[b].last = std::max(last_[v], now + 1);
            return true;
        }
        return false;
    }

    /// index_by_index for every operand that looks at this memory.
    bool by_index_only(const Operation& op, ValueId memory) const {
        return std::all_of(op.operands.begin(), op.operands.end(),
                           [&](ValueId v) { return root(v) != memory || index_by_index(op, v); });
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
        for (size_t v = 0; v < f_.values.size(); ++v) {
            if (buffer_of_[v] == kNone) continue;
            f_.values[v].arena_offset = buffers_[buffer_of_[v]].offset;
            f_.unplanned_bytes += aligned(f_.values[v].type.bytes());
        }
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
    std::vector<ValueId> alias_;     ///< by value: whose memory it shares as a reshape, or kNone
    std::vector<int> first_, last_;  ///< by value (roots): lifetime
    std::vector<int> maker_;         ///< by value: the operation that makes it
    std::vector<int> buffer_of_;     ///< by value
    std::vector<Buffer> buffers_;
    std::set<ValueId> is_input_;
};

}  // namespace

Result<bool> plan_memory(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= State(function).run();
    return changed;
}

}  // namespace gmc::passes
