// SlotPlan says what a function does with slots, and which of them cannot be shared; with the rest,
// SlotWriter writes the function anew.
#include "compiler/batch/share_slots.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/batch/slot_plan.h"
#include "compiler/ir/scan.h"
#include "compiler/ir/views.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Averages of parameters are kept like slots, but others read them.
bool is_slot(const State& state) {
    return state.role == StateRole::kSlot && state.name.starts_with("optimizer.");
}

Shape flat(int64_t numbers) { return {numbers}; }

/// Writes one function for a process.
class SlotWriter {
  public:
    /// `buffers`: how a pack of so many numbers is shared.
    SlotWriter(Module& module, Function& function, const SlotPlan& plan, const SlotGroups& groups,
               const SharedBuffers& buffers)
        : m_(module),
          f_(function),
          plan_(plan),
          groups_(groups),
          buffers_(buffers),
          own_(function.values.size(), kNone),
          all_(function.values.size(), kNone) {}

    void run() {
        const std::vector<Operation> before = std::exchange(f_.operations, {});
        for (size_t i = 0; i < before.size(); ++i)
            if (plan_.is_live(i)) write(before[i]);
        std::vector<Update> updates;
        for (const Update& update : f_.updates)
            if (!plan_.is_grouped(update.state))
                updates.push_back({update.state, whole(update.value)});
        for (size_t g = 0; g < groups_.size(); ++g)
            if (const ValueId slots = new_slots(static_cast<int>(g)); slots != kNone)
                updates.push_back({groups_[g].part, slots});
        f_.updates = std::move(updates);
        for (NamedValue& result : f_.results) result.value = whole(result.value);
    }

  private:
    const SharedBuffer& buffer(int64_t numbers) const { return buffers_.at(numbers); }
    int64_t numbers(ValueId v) const { return f_.type(v).shape.at(0); }

    /// Appends an op with one result.
    ValueId append(const OpVariant& op, std::vector<ValueId> operands, Shape shape,
                   const std::string& name, Location location) {
        const ValueId result = f_.add_value(name, f32(std::move(shape)));
        f_.operations.push_back({op, std::move(operands), {result}, location, {}});
        return result;
    }

    void write(Operation op) {
        if (const int g = plan_.source(op.result()); g != kNone) {
            own_[op.result()] = f_.state_value(groups_[g].part, m_);
            return;
        }
        if (plan_.is_cut(op)) return write_cut(op);
        if (plan_.is_scattered(op.result())) {
            const auto& sum = *op.as<AllReduce>();
            const SharedBuffer& shared = buffer(numbers(op.result()));
            own_[op.result()] =
                append(ReduceScatter{shared, sum.shards, sum.rounded}, op.operands,
                       flat(shared.own_numbers()), f_.values[op.result()].name, op.location);
            return;
        }
        if (plan_.is_lone(op.result())) return write_lone(op);
        if (plan_.is_split(op)) return write_split(op);
        for (ValueId& v : op.operands) v = whole(v);
        f_.operations.push_back(std::move(op));
    }

    /// A bucket alone.
    SharedBuffer bucket(int64_t size) const {
        const SharedBuffer& any = buffers_.begin()->second;
        return {{size}, any.processes, any.rank};
    }

    /// A sum that is a bucket of a pack, or a reshape of one: the process's part, if it has any.
    void write_lone(const Operation& op) {
        const ValueId v = op.result();
        if (op.as<Reshape>() != nullptr) {
            own_[v] = own_[op.operands[0]];
            return;
        }
        const auto& sum = *op.as<AllReduce>();
        const SharedBuffer shared = bucket(f_.type(v).elements());
        own_[v] = append(ReduceScatter{shared, sum.shards, sum.rounded}, op.operands,
                         flat(shared.own_numbers()), f_.values[v].name, op.location);
    }

    /// The process's part of a pack, bucket by bucket.
    void write_split(const Operation& op) {
        std::vector<ValueId> parts, run;
        int64_t size = 0;
        const auto end_run = [&] {
            const SharedBuffer shared = bucket(size);
            if (size > 0 && shared.own_numbers() > 0) {
                const ValueId pack =
                    append(Pack{}, std::exchange(run, {}), flat(size), "gradients", op.location);
                parts.push_back(append(OwnPart{shared}, {pack}, flat(shared.own_numbers()),
                                       "gradients", op.location));
            }
            run.clear();
            size = 0;
        };
        for (ValueId v : op.operands) {
            if (plan_.is_lone(v)) {
                end_run();
                parts.push_back(own_[v]);
                continue;
            }
            run.push_back(whole(v));
            size += packed_size(f_.type(v).elements());
        }
        end_run();
        own_[op.result()] =
            parts.size() == 1
                ? parts[0]
                : append(Concat{0}, parts, flat(buffer(numbers(op.result())).own_numbers()),
                         f_.values[op.result()].name, op.location);
    }

    /// The value as all of it, where it is cut.
    ValueId whole(ValueId v) const {
        return static_cast<size_t>(v) < all_.size() && all_[v] != kNone ? all_[v] : v;
    }
    /// The process's part of a flat value.
    ValueId part(ValueId v, Location location) {
        if (own_[v] == kNone) {
            const SharedBuffer& shared = buffer(numbers(v));
            own_[v] = append(OwnPart{shared}, {whole(v)}, flat(shared.own_numbers()),
                             f_.values[v].name, location);
        }
        return own_[v];
    }

    /// The loop for the process's part; then what others need of its results.
    void write_cut(const Operation& op) {
        const SharedBuffer& shared = buffer(numbers(op.result()));
        const std::set<ValueId> anew = plan_.made_anew(op);
        Operation cut = op;
        std::erase_if(cut.results, [&](ValueId v) { return anew.count(v) != 0; });
        prune(cut);
        const std::vector<ValueId> results = cut.results;
        std::map<ValueId, ValueId> names;
        for (ValueId v : cut.operands)
            if (f_.type(v).rank() == 1) names[v] = part(v, op.location);
        rename(cut, shared.own_numbers(), names);
        f_.operations.push_back(cut);
        for (ValueId v : results) own_[v] = names.at(v);
        for (ValueId v : results)
            if (plan_.needs_whole(v))
                all_[v] = append(GatherParts{shared}, {own_[v]}, flat(shared.numbers()),
                                 f_.values[v].name, op.location);
        if (!anew.empty()) write_anew(op, anew);
    }

    /// The loop that makes these results of `op` from the other ones.
    void write_anew(Operation op, const std::set<ValueId>& results) {
        op.results.assign(results.begin(), results.end());
        std::erase_if(op.body,
                      [&](const Operation& inner) { return all_[inner.result()] != kNone; });
        prune(op);
        std::map<ValueId, ValueId> names;
        for (ValueId v : op.operands) names[v] = whole(v);
        const std::vector<ValueId> before = op.results;
        rename(op, numbers(before[0]), names);
        for (ValueId v : before) all_[v] = names.at(v);
        f_.operations.push_back(std::move(op));
    }

    /// Drops what the results of a loop do not need.
    static void prune(Operation& op) {
        std::set<ValueId> needed(op.results.begin(), op.results.end());
        std::vector<Operation> kept;
        for (size_t i = op.body.size(); i-- > 0;) {
            if (needed.count(op.body[i].result()) == 0) continue;
            needed.insert(op.body[i].operands.begin(), op.body[i].operands.end());
            kept.insert(kept.begin(), op.body[i]);
        }
        if (op.as<Fused>() == nullptr) return;
        op.body = std::move(kept);
        // In the order in which they are read first.
        std::set<ValueId> seen;
        op.operands.clear();
        for (const Operation& inner : op.body) {
            for (ValueId v : inner.operands)
                if (seen.insert(v).second) op.operands.push_back(v);
            seen.insert(inner.result());
        }
    }

    /// Gives what a loop computes new names, for so many numbers. `names`: what it reads.
    void rename(Operation& op, int64_t numbers, std::map<ValueId, ValueId>& names) {
        const auto read = [&](ValueId& v) {
            if (const auto found = names.find(v); found != names.end()) v = found->second;
        };
        const auto make = [&](ValueId& v) {
            if (names.count(v) == 0)
                names[v] = f_.add_value(f_.values[v].name, {f_.type(v).dtype, flat(numbers)});
            v = names.at(v);
        };
        if (op.as<Fused>() != nullptr) op.op = Fused{flat(numbers)};
        for (ValueId& v : op.operands) read(v);
        for (Operation& inner : op.body) {
            for (ValueId& v : inner.operands) read(v);
            make(inner.results[0]);
        }
        for (ValueId& v : op.results) make(v);
    }

    /// The new slots of a group; kNone where they stay.
    ValueId new_slots(int group) {
        if (const ValueId direct = plan_.new_slots(group); direct != kNone) return part(direct, {});
        std::vector<ValueId> values = plan_.new_values(group);
        if (values.empty()) return kNone;
        for (ValueId& v : values) v = whole(v);
        const SharedBuffer& shared = buffer(groups_[group].numbers);
        const ValueId pack = append(Pack{}, values, flat(shared.numbers()), "slots", {});
        return append(OwnPart{shared}, {pack}, flat(shared.own_numbers()), "slots", {});
    }

    Module& m_;
    Function& f_;
    const SlotPlan& plan_;
    const SlotGroups& groups_;
    const SharedBuffers& buffers_;
    std::vector<ValueId> own_, all_;  ///< by value of the function as it was
};

/// Works on a module.
class SlotSharer {
  public:
    SlotSharer(Module& module, int64_t processes, int64_t rank)
        : m_(module), processes_(processes), rank_(rank) {
        for (const ScheduleEntry& entry : m_.schedule)
            if (Function* function = m_.find_function(entry.function);
                function != nullptr &&
                std::find(steps_.begin(), steps_.end(), function) == steps_.end())
                steps_.push_back(function);
    }

    SharedSlots run() {
        SharedSlots shared;
        for (const State& state : m_.states) {
            if (state.role != StateRole::kCopy) shared.states.push_back(state);
            if (is_slot(state)) shared.slot_bytes += packed_bytes(state.type);
        }
        find_groups();
        while (drop_misfits()) {
        }
        std::erase_if(groups_, [](const SlotGroup& group) { return !group.fits; });
        if (!groups_.empty()) {
            write();
            describe(shared);
            replace_states(shared);
        }
        for (const State& state : m_.states)
            if (is_slot(state)) shared.own_bytes += packed_bytes(state.type);
        return shared;
    }

  private:
    void find_groups() {
        for (const Function* f : steps_)
            for (const Operation& op : f->operations) {
                const StateId first = packed_states(*f, op);
                if (first == kNone) continue;
                SlotGroup group{first, op.operands.size(), f->type(op.result()).elements()};
                if (group.numbers > kFewSlots && are_slots(group)) add(group);
            }
        for (SlotGroup& group : groups_) group.fits = group.fits && buffer_of(group.numbers);
    }
    bool are_slots(const SlotGroup& group) const {
        const auto first = m_.states.begin() + group.first;
        return std::all_of(first, first + static_cast<std::ptrdiff_t>(group.count),
                           [](const State& state) {
                               return is_slot(state) && state.type.dtype == DType::kF32 &&
                                      state.initializer.kind == "zeros";
                           });
    }
    /// Groups that share some states, but not all, are none.
    void add(const SlotGroup& group) {
        bool known = false, fits = true;
        for (SlotGroup& other : groups_) {
            const bool same = other.first == group.first && other.count == group.count;
            const bool apart = other.first + static_cast<StateId>(other.count) <= group.first ||
                               group.first + static_cast<StateId>(group.count) <= other.first;
            known = known || same;
            if (same || apart) continue;
            other.fits = fits = false;
        }
        if (known) return;
        groups_.push_back(group);
        groups_.back().fits = fits;
    }

    /// How a pack of so many numbers is shared: in the buckets in which its gradients leave, where
    /// these are one sum. False where there is too little for so many processes.
    bool buffer_of(int64_t numbers) {
        if (buffers_.count(numbers) != 0) return true;
        SharedBuffer buffer{{numbers}, processes_, rank_};
        for (const Function* f : steps_)
            for (const Operation& op : f->operations)
                if (const auto ends = ends_of(*f, op, numbers); !ends.empty()) buffer.ends = ends;
        const bool right = buffer.is_right();
        if (right) buffers_[numbers] = buffer;
        return right;
    }
    std::vector<int64_t> ends_of(const Function& f, const Operation& sum, int64_t numbers) const {
        if (f.type(sum.result()) != f32(flat(numbers))) return {};
        if (sum.as<Pack>() != nullptr && packed_states(f, sum) == kNone)
            return LoneSums(f, processes_).bucket_ends(sum);
        if (sum.as<AllReduce>() == nullptr) return {};
        for (const Operation& op : f.operations) {
            const Function* body = body_of(m_, op);
            const auto at = std::find(op.results.begin(), op.results.end(), sum.operands[0]);
            if (body != nullptr && at != op.results.end())
                return bucket_ends(*body, body->results[at - op.results.begin()].value);
        }
        return {};
    }

    /// True = there were some, so that others may be misfits, too.
    bool drop_misfits() {
        const auto fitting = [&] {
            return std::count_if(groups_.begin(), groups_.end(),
                                 [](const SlotGroup& group) { return group.fits; });
        };
        const auto before = fitting();
        for (const Function& f : m_.functions) {
            if (std::find(steps_.begin(), steps_.end(), &f) != steps_.end()) {
                SlotPlan(m_, f, groups_, buffers_);
                continue;
            }
            for (const Value& value : f.values)
                for (SlotGroup& group : groups_)
                    if (value.state != kNone && group.has(value.state)) group.fits = false;
        }
        return fitting() < before;
    }

    void write() {
        for (SlotGroup& group : groups_) {
            State part = m_.states[group.first];
            part.name += ".part";
            part.type.shape = flat(buffers_.at(group.numbers).own_numbers());
            group.part = static_cast<StateId>(m_.states.size());
            m_.states.push_back(part);
        }
        for (Function* f : steps_) {
            const Function before = *f;
            const SlotPlan plan(m_, before, groups_, buffers_);
            SlotWriter(m_, *f, plan, groups_, buffers_).run();
        }
    }

    void describe(SharedSlots& shared) const {
        for (const SlotGroup& group : groups_) {
            SharedSlots::Group& out = shared.groups.emplace_back();
            out.count = group.count;
            out.part = group.part;
            out.buffer = buffers_.at(group.numbers);
            int64_t begin = 0;
            for (size_t i = 0; i < group.count; ++i) {
                const State& state = m_.states[group.first + static_cast<StateId>(i)];
                out.begins.push_back(begin);
                begin += packed_size(state.type.elements());
            }
            const auto first = std::find_if(
                shared.states.begin(), shared.states.end(),
                [&](const State& state) { return state.name == m_.states[group.first].name; });
            out.first = static_cast<size_t>(first - shared.states.begin());
        }
    }

    /// Parts come behind all other states but copies: what lies before them is the same in all
    /// processes.
    void replace_states(SharedSlots& shared) {
        std::vector<StateId> numbers(m_.states.size(), kNone);
        std::vector<State> states;
        const auto is_gone = [&](StateId id) {
            return std::any_of(groups_.begin(), groups_.end(),
                               [&](const SlotGroup& group) { return group.has(id); });
        };
        const auto is_part = [&](StateId id) {
            return std::any_of(groups_.begin(), groups_.end(),
                               [&](const SlotGroup& group) { return group.part == id; });
        };
        const auto place = [&](int turn) {
            for (StateId id = 0; id < static_cast<StateId>(m_.states.size()); ++id) {
                const int own = is_part(id) ? 1 : m_.states[id].role == StateRole::kCopy ? 2 : 0;
                if (own != turn || is_gone(id)) continue;
                numbers[id] = static_cast<StateId>(states.size());
                states.push_back(m_.states[id]);
            }
        };
        for (const int turn : {0, 1, 2}) place(turn);
        for (State& state : states)
            if (state.source != kNone) state.source = numbers[state.source];
        m_.states = std::move(states);
        for (Function& f : m_.functions) f.renumber_states(numbers);
        for (SharedSlots::Group& group : shared.groups) group.part = numbers[group.part];
    }

    Module& m_;
    const int64_t processes_, rank_;
    std::vector<Function*> steps_;
    SlotGroups groups_;
    SharedBuffers buffers_;
};

}  // namespace

SharedSlots share_slots(Module& module, int64_t processes, int64_t rank) {
    return SlotSharer(module, processes, rank).run();
}

}  // namespace gmc
