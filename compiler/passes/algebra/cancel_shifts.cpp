// For each bias, follows the values that change with it. A value either grows by a known multiple
// of the bias's shift, or changes in another way; a variance forgets a common shift. When nothing
// that is differentiated changes, the bias has no gradient.
#include "compiler/passes/algebra/cancel_shifts.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "compiler/ir/builder.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// By which multiple of the shift a value grows; empty when it changes in another way.
using Growth = std::optional<double>;

/// Works on one function: finds the biases, follows each (cancels), then writes stop_gradient
/// before those that cancel (stop).
class ShiftCanceller {
  public:
    ShiftCanceller(Module& module, Function& function) : f_(function), b_(module, function) {}

    bool run() {
        const bool differentiates =
            std::any_of(f_.operations.begin(), f_.operations.end(),
                        [](const Operation& op) { return op.as<Gradient>() != nullptr; });
        if (!differentiates) return false;
        maker_.assign(f_.values.size(), kNone);
        readers_.resize(f_.values.size());
        growth_.assign(f_.values.size(), 0.0);
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            for (ValueId v : f_.operations[i].operands) readers_[v].push_back(i);
            for (ValueId v : f_.operations[i].results) maker_[v] = static_cast<int>(i);
        }
        find_reaching();
        std::set<ValueId> cancelled;  // broadcasts of biases
        for (size_t i = 0; i < f_.operations.size(); ++i)
            if (const ValueId bias = broadcast_bias(f_.operations[i]);
                bias != kNone && cancels(i, bias))
                cancelled.insert(bias);
        stop(cancelled);
        return !cancelled.empty();
    }

  private:
    /// The operation that makes `v`, when it is an `Op`; else null.
    template <typename Op>
    const Operation* made_by(ValueId v) const {
        if (maker_[v] == kNone) return nullptr;
        const Operation& op = f_.operations[maker_[v]];
        return op.as<Op>() != nullptr ? &op : nullptr;
    }

    /// Fills `reaches_gradient_` in one walk from the end. A subtraction of a square is taken for a
    /// possible variance, through which nothing counts as reaching.
    void find_reaching() {
        reaches_gradient_.assign(f_.values.size(), false);
        for (size_t i = f_.operations.size(); i-- > 0;) {
            const Operation& op = f_.operations[i];
            if (op.as<Gradient>() != nullptr) {
                reaches_gradient_[op.operands[0]] = true;
                continue;
            }
            if (op.as<Sub>() != nullptr && squared(op.operands[1]) != kNone) continue;
            const bool reaches = std::any_of(op.results.begin(), op.results.end(),
                                             [&](ValueId v) { return reaches_gradient_[v]; });
            for (ValueId v : op.operands)
                if (reaches) reaches_gradient_[v] = true;
        }
    }

    /// The operand of an addition that is a repeated parameter.
    ValueId broadcast_bias(const Operation& op) const {
        if (op.as<Add>() == nullptr) return kNone;
        for (ValueId v : op.operands) {
            const Operation* broadcast = made_by<Broadcast>(v);
            if (broadcast != nullptr && readers_[v].size() == 1 &&
                f_.values[broadcast->operands[0]].state != kNone)
                return v;
        }
        return kNone;
    }

    /// Whether no scalar that is differentiated changes with the bias that operation `at` adds.
    bool cancels(size_t at, ValueId bias) {
        dims_ = f_.operations[maker_[bias]].as<Broadcast>()->dims;
        whole_ = f_.type(bias).shape;
        axes_ = other_axes(static_cast<int64_t>(whole_.size()), dims_);
        count_ = static_cast<double>(f_.type(bias).elements());
        for (int64_t dim : dims_) count_ /= static_cast<double>(whole_[dim]);
        for (ValueId v : changed_) growth_[v] = 0.0;
        changed_.clear();
        // At some points of the walk a single value carries the whole effect of the
        // bias. Whether the bias cancels then depends on that value alone, so the answer
        // is kept with the value: the walk for another bias that leads through it can
        // stop there.
        std::vector<bool*> alone;
        const auto done = [&](bool outcome) {
            for (bool* known : alone) *known = outcome;
            return outcome;
        };
        // Operations that read what changes, in program order.
        std::set<size_t> ahead{at};
        while (!ahead.empty()) {
            const size_t i = *ahead.begin();
            ahead.erase(ahead.begin());
            const Operation& op = f_.operations[i];
            if (op.as<Gradient>() != nullptr) {
                if (changes(op.operands[0])) return done(false);
                continue;
            }
            const Growth growth = i == at ? Growth(1.0) : growth_after(op);
            if (growth == Growth(0.0)) continue;
            // A scan has several results, any of which may change.
            if (!growth && std::any_of(op.results.begin(), op.results.end(),
                                       [&](ValueId r) { return reaches_gradient_[r]; }))
                return done(false);
            const ValueId v = op.result();
            if (growth && ahead.empty()) {
                const auto [known, fresh] = outcomes_.try_emplace({v, dims_, whole_}, true);
                if (!fresh) return done(known->second);
                alone.push_back(&known->second);
            }
            for (ValueId r : op.results) {
                growth_[r] = growth;
                changed_.push_back(r);
                ahead.insert(readers_[r].begin(), readers_[r].end());
            }
        }
        return done(true);
    }
    bool changes(ValueId v) const { return growth_[v] != Growth(0.0); }

    /// By which multiple of the shift the result of `op` grows, given the growth of its operands.
    Growth growth_after(const Operation& op) const {
        if (std::none_of(op.operands.begin(), op.operands.end(),
                         [&](ValueId v) { return changes(v); }))
            return 0.0;
        if (is_variance(op)) return 0.0;
        const Growth x = growth_[op.operands[0]];
        const Growth y = op.operands.size() > 1 ? growth_[op.operands[1]] : Growth(0.0);
        if (!x || !y) return std::nullopt;
        if (op.as<Add>() != nullptr) return *x + *y;
        if (op.as<Sub>() != nullptr) return *x - *y;
        if (op.as<Neg>() != nullptr) return -*x;
        if (op.as<StopGradient>() != nullptr) return x;
        if (op.as<Mul>() != nullptr)
            for (int i = 0; i < 2; ++i)
                if (const Operation* number = made_by<Constant>(op.operands[i]))
                    return (i == 0 ? *y : *x) * number->as<Constant>()->value;
        const Broadcast* broadcast = op.as<Broadcast>();
        if (broadcast != nullptr && broadcast->dims == dims_ &&
            f_.type(op.result()).shape == whole_)
            return x;
        if (is_sum(op)) return *x * count_;
        return std::nullopt;
    }

    bool is_sum(const Operation& op) const {
        return op.as<ReduceSum>() != nullptr && op.as<ReduceSum>()->axes == axes_ &&
               f_.type(op.operands[0]).shape == whole_;
    }

    /// What is averaged, when `v` is a mean over the axes of the bias; else kNone.
    ValueId averaged(ValueId v) const {
        const Operation* product = made_by<Mul>(v);
        for (int i = 0; product != nullptr && i < 2; ++i) {
            const Operation* sum = made_by<ReduceSum>(product->operands[i]);
            const Operation* number = made_by<Constant>(product->operands[1 - i]);
            if (sum != nullptr && number != nullptr && is_sum(*sum) &&
                number->as<Constant>()->value == 1 / count_)
                return sum->operands[0];
        }
        return kNone;
    }
    /// The value `a` when `v` is the product a a; kNone otherwise.
    ValueId squared(ValueId v) const {
        const Operation* product = v == kNone ? nullptr : made_by<Mul>(v);
        return product != nullptr && product->operands[0] == product->operands[1]
                   ? product->operands[0]
                   : kNone;
    }

    /// mean(a a) - mean(a) mean(a), where a grows by a multiple of the shift.
    bool is_variance(const Operation& op) const {
        if (op.as<Sub>() == nullptr) return false;
        const ValueId a = squared(averaged(op.operands[0])), mean = squared(op.operands[1]);
        return a != kNone && mean != kNone && averaged(mean) == a && growth_[a].has_value();
    }

    /// Puts a stop_gradient before the broadcasts of the biases that cancel.
    void stop(const std::set<ValueId>& broadcasts) {
        std::vector<Operation> before = std::move(f_.operations);
        f_.operations.clear();
        for (Operation& op : before) {
            if (op.as<Broadcast>() != nullptr && broadcasts.count(op.result()) != 0) {
                b_.set_location(op.location);
                op.operands[0] = b_.emit(StopGradient{}, {op.operands[0]});
            }
            f_.operations.push_back(std::move(op));
        }
    }

    Function& f_;
    Builder b_;
    std::vector<int> maker_;                    ///< by value: the operation that makes it
    std::vector<std::vector<size_t>> readers_;  ///< by value: operations, in program order
    /// By value: whether something that is differentiated depends on it on a path without a
    /// variance. If such a value changes other than by growing, the bias matters.
    std::vector<bool> reaches_gradient_;
    // Of the bias at hand:
    std::vector<int64_t> dims_, axes_;  ///< where it varies, and where it repeats
    Shape whole_;
    double count_ = 1;              ///< how often it repeats
    std::vector<Growth> growth_;    ///< by value
    std::vector<ValueId> changed_;  ///< values whose growth is not 0
    /// Whether nothing differentiated changes with this value, when it alone grows by a shift that
    /// varies along these axes and repeats over this shape.
    std::map<std::tuple<ValueId, std::vector<int64_t>, Shape>, bool> outcomes_;
};

}  // namespace

Result<bool> cancel_shifts(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= ShiftCanceller(module, function).run();
    return changed;
}

}  // namespace gmc::passes
