// Works on one function at a time: ShardPlan says where each operation goes, ShardWriter writes
// the bodies and the function anew.
#include "compiler/batch/distribute.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/batch/resize.h"
#include "compiler/batch/whole_batch.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/scan.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Sums of up to so many bytes leave a body together: for small messages, time is latency.
constexpr int64_t kSmallSum = 64 << 10;

/// What a value may cost, in additions per element (ir::OpInfo), to be computed again rather than
/// kept from one scan to a later one.
constexpr int kMostAnew = 32;
constexpr int kNotAnew = 1 << 20;

/// What a value is to the shards.
enum class ShardKind {
    kCommon,   ///< computed outside of the shards: the same for all examples, or for all of them
    kSame,     ///< computed by a loop in each shard, and the same for all examples
    kRows,     ///< has a row per example: each shard has its own
    kPartial,  ///< a sum over a shard's examples, of which the step wants the sum over all shards
};

/// Ops of which a constant or a repeated value can be computed wherever it is read.
bool is_spread(const Operation& op) {
    return op.as<Constant>() != nullptr || op.as<Iota>() != nullptr ||
           op.as<Broadcast>() != nullptr;
}

/// Gives each reader of a constant or broadcast its own copy: one that is read both for the
/// examples and for weights of the same shape would tie these together.
void copy_per_reader(Function& f) {
    std::vector<int> spread(f.values.size(), kNone);
    std::vector<Operation> before = std::move(f.operations);
    f.operations.clear();
    const auto copy = [&](ValueId v, const auto& self) -> ValueId {
        if (static_cast<size_t>(v) >= spread.size() || spread[v] == kNone) return v;
        Operation op = before[spread[v]];
        for (ValueId& operand : op.operands) operand = self(operand, self);
        op.results = {f.add_value(f.values[v].name, Type(f.type(v)))};
        f.operations.push_back(op);
        return op.result();
    };
    for (size_t i = 0; i < before.size(); ++i) {
        if (is_spread(before[i])) {
            spread[before[i].result()] = static_cast<int>(i);
            continue;
        }
        for (ValueId& operand : before[i].operands) operand = copy(operand, copy);
        f.operations.push_back(before[i]);
    }
    for (Update& update : f.updates) update.value = copy(update.value, copy);
    for (NamedValue& result : f.results) result.value = copy(result.value, copy);
}

/// Which operation of a function goes where. Operations of level L need sums over all examples, or
/// the rows of all, of what levels below L compute.
class ShardPlan {
  public:
    ShardPlan(const Function& function, const ShardedStep& step)
        : f_(function),
          step_(step),
          axes_(step.axes),
          kinds_(function.values.size(), ShardKind::kCommon),
          levels_(function.values.size(), 0),
          costs_(function.values.size(), kNotAnew),
          made_by_(function.values.size(), kNone),
          gathered_(function.values.size(), false) {
        for (const Operation& op : f_.operations)
            for (ValueId v : op.operands) gathered_[v] = gathered_[v] || step_.is_whole(op);
        for (const Update& update : f_.updates) gathered_[update.value] = true;
        for (const NamedValue& result : f_.results) gathered_[result.value] = true;
        for (const Input& input : f_.inputs)
            if (axes_.of[input.value]) kinds_[input.value] = ShardKind::kRows;
        for (size_t i = 0; i < f_.operations.size(); ++i) place(static_cast<int>(i));
    }

    ShardKind kind(ValueId v) const { return kinds_[v]; }
    /// Where a value has a row per example, whether shards compute these or take them from outside.
    const std::optional<BatchAxis>& rows(ValueId v) const { return axes_.of[v]; }
    int level(ValueId v) const { return levels_[v]; }
    int level(const Operation& op) const { return level(op.result()); }
    int last_level() const { return *std::max_element(levels_.begin(), levels_.end()); }
    /// The operation that makes a value; null for inputs and states.
    const Operation* maker(ValueId v) const {
        return made_by_[v] == kNone ? nullptr : &f_.operations[made_by_[v]];
    }
    /// Whether a value is computed in each body that reads it, rather than kept from one to the
    /// next.
    bool is_made_anew(ValueId v) const { return costs_[v] <= kMostAnew; }
    /// Whether an operation stands in the body of its level.
    bool is_in_body(const Operation& op) const { return kind(op.result()) != ShardKind::kCommon; }
    /// Whether `reader` adds up a partial sum with others before all shards are added.
    bool adds_parts(const Operation& reader) const {
        return kind(reader.result()) == ShardKind::kPartial && !axes_.sums[reader.result()];
    }

  private:
    void place(int index) {
        const Operation& op = f_.operations[index];
        const bool whole = step_.is_whole(op);
        const bool in_body =
            !whole && std::any_of(op.results.begin(), op.results.end(),
                                  [&](ValueId v) { return axes_.of[v] || axes_.sums[v]; });
        const bool adds =
            !whole && !in_body && adds_sums(op) && are_parts_of_one_level(op.operands);
        int level = 0;
        for (ValueId v : op.operands) {
            const bool waits = kinds_[v] == ShardKind::kPartial ? !adds
                               : kinds_[v] == ShardKind::kRows
                                   ? whole
                                   : kinds_[v] == ShardKind::kSame && !in_body;
            level = std::max(level, levels_[v] + (waits ? 1 : 0));
        }
        for (ValueId v : op.results) {
            kinds_[v] = whole                   ? ShardKind::kCommon
                        : axes_.of[v]           ? ShardKind::kRows
                        : adds || axes_.sums[v] ? ShardKind::kPartial
                        : in_body               ? ShardKind::kSame
                                                : ShardKind::kCommon;
            levels_[v] = level;
            made_by_[v] = index;
        }
        if (op.results.size() == 1) costs_[op.result()] = cost_anew(op);
    }
    /// Whether the shards take their rows of a value from outside.
    bool is_dealt(ValueId v) const { return kinds_[v] == ShardKind::kCommon && axes_.of[v]; }
    /// What the result costs in another body than that of its level: there, too, are common values
    /// and what is kept of lower levels; random numbers are the same, since the passes have the
    /// same numbers.
    int cost_anew(const Operation& op) const {
        const ValueId result = op.result();
        const bool constant = op.operands.empty() && is_spread(op) && !is_dealt(result);
        if (kinds_[result] != ShardKind::kRows) return constant ? 0 : kNotAnew;
        if (gathered_[result]) return kNotAnew;
        const OpInfo& info = op.info();
        if (!info.has(kElementwise) && !info.has(kGenerator) && !info.has(kRepeats) &&
            op.as<Reshape>() == nullptr)
            return kNotAnew;
        int cost = info.cost;
        for (ValueId v : op.operands)
            if (kinds_[v] == ShardKind::kRows)
                cost += is_made_anew(v) ? costs_[v] : levels_[v] < levels_[result] ? 1 : kNotAnew;
            else if (is_dealt(v))
                ++cost;
        return std::min(cost, kNotAnew);
    }
    bool are_parts_of_one_level(const std::vector<ValueId>& values) const {
        return !values.empty() && std::all_of(values.begin(), values.end(), [&](ValueId v) {
            return kinds_[v] == ShardKind::kPartial && levels_[v] == levels_[values[0]];
        });
    }

    const Function& f_;
    const ShardedStep& step_;
    const BatchAxes& axes_;
    std::vector<ShardKind> kinds_;
    std::vector<int> levels_;
    std::vector<int> costs_;  ///< by value: cost_anew()
    std::vector<int> made_by_;
    std::vector<bool> gathered_;  ///< by value: what is outside of the shards reads it
};

/// Writes one function in shards.
class ShardWriter {
  public:
    /// `shard` is the function for the examples of one shard; `whole` has the types for all.
    ShardWriter(Module& module, const Function& whole, const Function& shard, const ShardPlan& plan,
                int64_t shards)
        : module_(module),
          whole_(whole),
          f_(shard),
          plan_(plan),
          shards_(shards),
          builder_(module, out_),
          outside_(f_.values.size(), kNone),
          stacks_(f_.values.size(), kNone) {}

    /// The bodies, then the function.
    std::vector<Function> run() {
        out_.name = f_.name;
        find_readers();
        for (const Input& input : f_.inputs) take_input(input);
        for (int level = 0; level <= plan_.last_level(); ++level) {
            for (const Operation& op : whole_.operations)
                if (!plan_.is_in_body(op) && plan_.level(op) == level) copy_outside(op);
            write_body(level);
        }
        for (const Update& update : f_.updates)
            out_.updates.push_back({update.state, outside(update.value)});
        for (const NamedValue& result : f_.results)
            out_.results.push_back({result.name, outside(result.value), result.unit});
        functions_.push_back(std::move(out_));
        return std::move(functions_);
    }

  private:
    /// Finds which values of a body are read outside of it.
    void find_readers() {
        leaves_.assign(f_.values.size(), false);
        for (const Operation& op : f_.operations)
            for (ValueId v : op.operands) leaves_[v] = leaves_[v] || !stays(v, op);
        for (const Update& update : f_.updates) leaves_[update.value] = true;
        for (const NamedValue& result : f_.results) leaves_[result.value] = true;
    }
    /// Whether `reader` finds the value in its own body.
    bool stays(ValueId v, const Operation& reader) const {
        if (plan_.kind(v) == ShardKind::kPartial) return plan_.adds_parts(reader);
        return plan_.is_made_anew(v) ||
               (plan_.is_in_body(reader) && plan_.level(v) == plan_.level(reader));
    }

    void take_input(const Input& input) {
        const Type& type = whole_.type(input.value);
        const ValueId id = out_.add_value(f_.values[input.value].name, type);
        out_.inputs.push_back({id, input.source});
        stacks_[input.value] =
            builder_.reshape(id, stacked_type(f_.type(input.value), shards_).shape);
    }

    /// A value as the function outside of the bodies has it, for all examples.
    ValueId outside(ValueId v) {
        const Value& value = whole_.values[v];
        if (value.state != kNone) return out_.state_value(value.state, module_);
        if (outside_[v] != kNone) return outside_[v];
        if (plan_.kind(v) == ShardKind::kRows) outside_[v] = gather(v);
        if (plan_.kind(v) == ShardKind::kSame) outside_[v] = first_of_all(v);
        return outside_[v];
    }
    void copy_outside(const Operation& op) {
        copy_into(out_, whole_, op, outside_, [&](ValueId v) { return outside(v); });
    }

    /// In a shard, as in the batch, an example has one part in each of so many pieces, which lie
    /// one after another.
    int64_t pieces(ValueId v) const {
        int64_t count = plan_.rows(v)->outer;
        for (int64_t axis = 0; axis < plan_.rows(v)->axis; ++axis)
            count *= f_.type(v).shape[static_cast<size_t>(axis)];
        return count;
    }
    ValueId gather(ValueId v) {
        const int64_t count = pieces(v), rest = f_.type(v).elements() / count;
        ValueId all = builder_.emit(AllGather{shards_}, {stacks_[v]}, f_.values[v].name);
        if (count > 1)
            all = builder_.transpose(builder_.reshape(all, {shards_, count, rest}), {1, 0, 2});
        return builder_.reshape(all, whole_.type(v).shape);
    }
    /// What all shards have computed alike.
    ValueId first_of_all(ValueId v) {
        const Type& type = f_.type(v);
        const ValueId all = builder_.emit(AllGather{shards_}, {stacks_[v]}, f_.values[v].name);
        const ValueId flat = builder_.reshape(all, {shards_ * type.elements()});
        const Slice first{{0}, {type.elements()}};
        return builder_.reshape(builder_.emit(first, {flat}), type.shape);
    }
    /// The rows of a value that is there for all examples, by shard.
    ValueId deal(ValueId v) {
        const int64_t count = pieces(v), rest = f_.type(v).elements() / count;
        ValueId all = outside(v);
        if (count > 1)
            all = builder_.transpose(builder_.reshape(all, {count, shards_, rest}), {1, 0, 2});
        return builder_.reshape(all, stacked_type(f_.type(v), shards_).shape);
    }
    ValueId stack(ValueId v) {
        if (stacks_[v] == kNone) stacks_[v] = deal(v);
        return stacks_[v];
    }

    /// Copies an operation of `from` into `to`; `operand` gives what it reads there, and `copies`
    /// gets its results, by the values of `from`.
    template <typename Operand>
    void copy_into(Function& to, const Function& from, Operation copy, std::vector<ValueId>& copies,
                   const Operand& operand) {
        for (ValueId& v : copy.operands) v = operand(v);
        for (ValueId& v : copy.results) {
            const ValueId old = std::exchange(v, to.add_value(from.values[v].name, from.type(v)));
            copies[old] = v;
        }
        to.operations.push_back(std::move(copy));
    }

    // ---- bodies ----

    void write_body(int level) {
        body_ = Function();
        body_.is_body = true;
        body_.name = free_function_name(module_, fmt::format("{}.shards.{}", f_.name, level));
        inside_.assign(f_.values.size(), kNone);
        elements_.clear();
        captured_.clear();
        std::vector<ValueId> rows, small, large;
        for (const Operation& op : f_.operations) {
            if (!plan_.is_in_body(op) || plan_.level(op) != level ||
                plan_.is_made_anew(op.result()))
                continue;
            copy_inside(op);
            for (ValueId v : op.results)
                if (leaves_[v] && plan_.kind(v) != ShardKind::kPartial) rows.push_back(v);
            for (ValueId v : op.results)
                if (leaves_[v] && plan_.kind(v) == ShardKind::kPartial)
                    (f_.type(v).bytes() <= kSmallSum ? small : large).push_back(v);
        }
        if (rows.empty() && small.empty() && large.empty()) return;
        const auto rounded =
            module_.compilation.shard_sums == DType::kBf16 ? static_cast<int64_t>(large.size()) : 0;
        if (small.size() == 1) large.push_back(std::exchange(small, {})[0]);
        for (ValueId v : rows) give(inside_[v]);
        for (ValueId v : large) give(inside_[v]);
        if (!small.empty()) give(pack_inside(small));
        append_scan(rows, large, small, rounded);
        functions_.push_back(std::move(body_));
    }

    void give(ValueId value) {
        body_.add_result(fmt::format("out{}", body_.results.size()), value);
    }

    ValueId pack_inside(const std::vector<ValueId>& values) {
        std::vector<ValueId> parts;
        for (ValueId v : values) parts.push_back(inside_[v]);
        return Builder(module_, body_).emit(Pack{}, parts, "sums");
    }

    void copy_inside(const Operation& op) {
        copy_into(body_, f_, op, inside_, [&](ValueId v) { return inside(v); });
    }

    /// A value as the body has it: computed there, or one of its inputs.
    ValueId inside(ValueId v) {
        if (inside_[v] != kNone) return inside_[v];
        if (plan_.is_made_anew(v)) {
            copy_inside(*plan_.maker(v));
            return inside_[v];
        }
        (plan_.rows(v) ? elements_ : captured_).push_back(v);
        return inside_[v] = body_.add_value(f_.values[v].name, f_.type(v));
    }

    /// The first `rounded` of the large sums are bf16 numbers.
    void append_scan(const std::vector<ValueId>& rows, const std::vector<ValueId>& large,
                     const std::vector<ValueId>& small, int64_t rounded) {
        const Scan attributes{.body = body_.name,
                              .count = shards_,
                              .shards = shards_,
                              .sums = static_cast<int64_t>(body_.results.size() - rows.size()),
                              .rounded_sums = rounded};
        Operation scan{attributes, {}, {}, {}, {}};
        for (ValueId v : elements_) {
            body_.inputs.push_back({inside_[v], {InputSource::Kind::kElement, ""}});
            scan.operands.push_back(stack(v));
        }
        for (ValueId v : captured_) {
            body_.inputs.push_back({inside_[v], {InputSource::Kind::kCaptured, ""}});
            scan.operands.push_back(outside(v));
        }
        for (size_t i = 0; i < body_.results.size(); ++i)
            scan.results.push_back(out_.add_value(body_.values[body_.results[i].value].name,
                                                  scan_result_type(body_, attributes, i)));
        const std::vector<ValueId> results = scan.results;
        out_.operations.push_back(std::move(scan));
        size_t next = 0;
        for (ValueId v : rows) stacks_[v] = results[next++];
        for (ValueId v : large)
            outside_[v] = reduce(results[next++], f_.values[v].name, rounded-- > 0);
        if (small.empty()) return;
        const ValueId sums = reduce(results[next], "sums", false);
        int64_t position = 0;
        for (ValueId v : small) {
            outside_[v] = builder_.packed_part(sums, position, f_.type(v).shape);
            position += packed_size(f_.type(v).elements());
        }
    }

    ValueId reduce(ValueId sums, const std::string& name, bool rounded) {
        return builder_.emit(AllReduce{shards_, rounded}, {sums}, name);
    }

    Module& module_;
    const Function &whole_, &f_;
    const ShardPlan& plan_;
    const int64_t shards_;
    Function out_, body_;
    Builder builder_;
    std::vector<Function> functions_;
    std::vector<bool> leaves_;
    /// By value of f_: what stands for it in out_ (all shards behind one another in stacks_), and
    /// in body_.
    std::vector<ValueId> outside_, stacks_, inside_;
    std::vector<ValueId> elements_, captured_;  ///< what body_ takes, as values of f_
};

bool is_distributed(const Function& function) {
    return std::any_of(function.operations.begin(), function.operations.end(), is_over_processes);
}

/// Puts the function in shards in the place of function `name`, its bodies before it.
bool distribute_function(Module& module, const std::string& name, Diagnostics& diagnostics) {
    const auto at = static_cast<size_t>(module.find_function(name) - module.functions.data());
    copy_per_reader(module.functions[at]);
    const Function whole = module.functions[at];
    const ShardedStep step = shard_step(module, whole, diagnostics);
    if (!step.axes.why.empty()) {
        diagnostics.error(DiagnosticKind::kNotPerExample, {},
                          "`{}` cannot be computed in shards of the batch: {}", name,
                          step.axes.why);
        return false;
    }
    const ShardPlan plan(whole, step);
    const int64_t batch = module.training->batch_size, shards = module.compilation.shards;
    resize(module, module.functions[at], step.axes, batch, batch / shards);
    const Function shard = module.functions[at];
    std::vector<Function> made = ShardWriter(module, whole, shard, plan, shards).run();
    module.functions[at] = std::move(made.back());
    made.pop_back();
    module.functions.insert(module.functions.begin() + static_cast<std::ptrdiff_t>(at),
                            std::make_move_iterator(made.begin()),
                            std::make_move_iterator(made.end()));
    return true;
}

}  // namespace

Result<bool> passes::distribute(Module& module, Diagnostics& diagnostics) {
    if (module.compilation.shards == 0) return false;
    bool changed = false;
    for (const ScheduleEntry& entry : module.schedule) {
        const Function* function = module.find_function(entry.function);
        if (function == nullptr || is_distributed(*function)) continue;
        if (!distribute_function(module, entry.function, diagnostics)) return Failure{};
        changed = true;
    }
    return changed;
}

}  // namespace gmc
