// Each value is split into factors (a number per example each) and a rest: value = factors x rest.
// Rests are numbered so that equal ones have equal numbers (value numbering, as in cse); a rest
// becomes ops only when two contractions share it.
#include "compiler/passes/algebra/factor_examples.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "compiler/passes/algebra/examples.h"
#include "compiler/passes/op_key.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// What is left of a value without its factors: a value, ones, or an op of other rests.
struct Rest {
    Type type;
    ValueId value = kNone;      // set: the rest is this value as it is
    OpVariant op;               ///< Constant{1} for ones
    std::vector<int> operands;  ///< of `op`: numbers of rests
    ValueId emitted = kNone;    // the value that holds it, once it was emitted
};

/// value = product of the factors (one number per example each) times the rest.
struct Split {
    std::vector<ValueId> factors;  ///< increasing; a factor may occur twice
    int rest = kNone;
};

/// Splits all values of a function in program order, counts which contractions share a rest, then
/// rewrites those.
class ExampleFactorer {
  public:
    ExampleFactorer(Module& module, Function& function)
        : f_(function),
          rewriter_(module, function),
          splits_(function.values.size()),
          whole_(function.values.size(), kNone),
          zero_(function.values.size(), false) {}

    bool run() {
        for (const Operation& op : f_.operations) {
            const Constant* constant = op.as<Constant>();
            zero_[op.result()] = constant != nullptr && constant->value == 0;
            if (op.body.empty() && op.results.size() == 1) splits_[op.result()] = split(op);
        }
        std::map<int, int> sharers;
        for (const Operation& op : f_.operations)
            if (const int rest = factored_rest(op); rest != kNone) ++sharers[rest];
        return rewriter_.run([&](Rewriter&, Operation& op) {
            const int rest = factored_rest(op);
            if (rest == kNone || sharers[rest] < 2) return kNone;
            return replacements_[op.result()] = scaled(rest, splits_[op.result()].factors);
        });
    }

  private:
    /// The rest of a contraction that has factors.
    int factored_rest(const Operation& op) const {
        if (!maps_examples(f_, op)) return kNone;
        const Split& s = splits_[op.result()];
        if (s.factors.empty() || rests_[s.rest].operands.empty()) return kNone;
        return s.rest;
    }

    // ---- splitting ----

    const Type& type(ValueId v) const { return f_.type(v); }

    /// One number per example, and not the same for all.
    bool is_factor(ValueId v) const {
        const Shape& shape = type(v).shape;
        return !shape.empty() && shape[0] > 1 && type(v).elements() == shape[0];
    }

    /// The number of a rest; equal rests have equal numbers.
    int number(Rest rest) {
        std::string key = op_key(rest.op, rest.operands, rest.type);
        const auto [found, fresh] =
            numbers_.try_emplace(std::move(key), static_cast<int>(rests_.size()));
        if (fresh) rests_.push_back(std::move(rest));
        return found->second;
    }
    /// The rest of a value that is nothing but its factors.
    int ones(const Type& type) { return number({type, kNone, Constant{1}, {}}); }
    /// The rest that is a value as it is.
    int whole(ValueId v) {
        if (whole_[v] == kNone) {
            whole_[v] = static_cast<int>(rests_.size());
            rests_.push_back({type(v), v, {}, {}});
        }
        return whole_[v];
    }

    /// The split of an operand. Inputs and states have no factors.
    Split of(ValueId v) {
        if (is_factor(v)) return {{v}, ones(type(v))};
        if (splits_[v].rest == kNone) splits_[v] = {{}, whole(v)};
        return splits_[v];
    }

    Split split(const Operation& op) {
        const ValueId v = op.result();
        Split out = type(v).dtype != DType::kF32 || type(v).shape.empty() || is_factor(v)
                        ? Split{}
                        : linear(op);
        return out.factors.empty() ? Split{{}, whole(v)} : out;
    }

    /// The split of an op that is linear in its first operand alone: the factors pass through, and
    /// the rest is the op applied to the operand's rest.
    Split applied(const Operation& op) {
        const Split x = of(op.operands[0]);
        if (x.factors.empty()) return {};
        std::vector<int> operands{x.rest};
        for (size_t i = 1; i < op.operands.size(); ++i) operands.push_back(whole(op.operands[i]));
        return {x.factors, number({type(op.result()), kNone, op.op, operands})};
    }

    /// The split of an op that is linear in each example. Other ops have no factors.
    Split linear(const Operation& op) {
        const auto same_examples = [&] {
            const Shape& shape = type(op.operands[0]).shape;
            return !shape.empty() && shape[0] == type(op.result()).shape[0];
        };
        if (op.as<Neg>() != nullptr || maps_examples(f_, op)) return applied(op);
        if (op.as<Reshape>() != nullptr && same_examples()) return applied(op);
        if (const Broadcast* b = op.as<Broadcast>())
            return !b->dims.empty() && b->dims[0] == 0 ? repeated(op) : Split{};
        if (op.as<Mul>() != nullptr) return product(op);
        if (op.as<Div>() != nullptr && of(op.operands[1]).factors.empty()) return applied(op);
        if (op.as<Add>() != nullptr || op.as<Sub>() != nullptr) return combined(op, 0);
        if (op.as<Select>() != nullptr) return combined(op, 1);
        return {};
    }

    /// A broadcast along the example's axes: ones stay ones, any other rest is broadcast.
    Split repeated(const Operation& op) {
        const Split x = of(op.operands[0]);
        const Rest& rest = rests_[x.rest];
        const Constant* one = std::get_if<Constant>(&rest.op);
        if (one != nullptr && one->value == 1) return {x.factors, ones(type(op.result()))};
        return applied(op);
    }

    /// Factors of both operands together; the rests are multiplied, and ones vanish.
    Split product(const Operation& op) {
        const Split a = of(op.operands[0]), b = of(op.operands[1]);
        Split out{a.factors, kNone};
        out.factors.insert(out.factors.end(), b.factors.begin(), b.factors.end());
        if (out.factors.empty()) return {};
        std::sort(out.factors.begin(), out.factors.end());
        const int one = ones(type(op.result()));
        if (a.rest == one || b.rest == one) {
            out.rest = a.rest == one ? b.rest : a.rest;
        } else {
            std::vector<int> operands{a.rest, b.rest};
            std::sort(operands.begin(), operands.end());
            out.rest = number({type(op.result()), kNone, Mul{}, operands});
        }
        return out;
    }

    /// The split of a sum, a difference or a choice: it has factors when all operands from `first`
    /// on have the same, or are zero.
    Split combined(const Operation& op, size_t first) {
        std::vector<int> operands;
        std::optional<std::vector<ValueId>> factors;
        for (size_t i = 0; i < op.operands.size(); ++i) {
            if (i < first) {
                operands.push_back(whole(op.operands[i]));
                continue;
            }
            const Split s = of(op.operands[i]);
            operands.push_back(s.rest);
            if (zero_[op.operands[i]]) continue;
            if (factors && *factors != s.factors) return {};
            factors = s.factors;
        }
        if (!factors || factors->empty()) return {};
        return {*factors, number({type(op.result()), kNone, op.op, operands})};
    }

    // ---- emission ----

    /// The value of a rest: emits its ops, and those of the rests it is made of, when first asked
    /// for.
    ValueId emitted(int number) {
        if (rests_[number].emitted != kNone) return rests_[number].emitted;
        const Rest rest = rests_[number];
        Builder& b = rewriter_.builder();
        ValueId out = kNone;
        if (rest.value != kNone) {
            const auto replaced = replacements_.find(rest.value);
            out = replaced == replacements_.end() ? rest.value : replaced->second;
        } else {
            std::vector<ValueId> operands;
            for (int operand : rest.operands) operands.push_back(emitted(operand));
            out = outer_product(rest, operands);
            if (out == kNone) out = b.emit_typed(rest.op, operands, rest.type);
        }
        return rests_[number].emitted = out;
    }

    /// ones[B,1] w[1,N]: each example has the row w.
    ValueId outer_product(const Rest& rest, const std::vector<ValueId>& operands) {
        const Matmul* matmul = std::get_if<Matmul>(&rest.op);
        if (matmul == nullptr || std::get_if<Constant>(&rests_[rest.operands[0]].op) == nullptr ||
            rests_[rest.operands[0]].type.shape[1] != 1)
            return kNone;
        Builder& b = rewriter_.builder();
        return b.broadcast(b.reshape(operands[1], {rest.type.shape[1]}), {1}, rest.type.shape);
    }

    /// The rest times all factors, which are multiplied first, as they are small.
    ValueId scaled(int rest, const std::vector<ValueId>& factors) {
        Builder& b = rewriter_.builder();
        const ValueId value = emitted(rest);
        const Shape shape = b.shape(value);
        ValueId all = kNone;
        for (ValueId factor : factors) {
            const ValueId vector = b.reshape(factor, {shape[0]});
            all = all == kNone ? vector : b.mul(all, vector);
        }
        return b.mul(value, b.broadcast(all, {0}, shape));
    }

    Function& f_;
    Rewriter rewriter_;
    std::vector<Split> splits_;  ///< by value
    std::vector<int> whole_;     ///< by value: the rest that it is, or kNone
    std::vector<bool> zero_;     ///< by value: the constant 0
    std::vector<Rest> rests_;
    std::unordered_map<std::string, int> numbers_;
    std::unordered_map<ValueId, ValueId> replacements_;
};

}  // namespace

Result<bool> factor_examples(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= ExampleFactorer(module, function).run();
    return changed;
}

}  // namespace gmc::passes
