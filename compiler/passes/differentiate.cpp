// Reverse-mode differentiation. It walks back from f over the ops that f depends on; the rule of
// each op says what flows from the derivative of its result to those of its operands, and what
// flows into one value from several uses is added up. Only values on a path from a source to f are
// visited, so time is linear in the function for each `gradient` op.
#include "compiler/passes/differentiate.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "compiler/ir/builder.h"
#include "compiler/ops/gradient.h"
#include "compiler/ops/plain_form.h"
#include "compiler/ops/renames.h"
#include "compiler/passes/differentiate_scan.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Each gradient of a gradient is several times as long as what it is of; one of what has none
/// is a few times as long. A function may be so many times as long as it was, or have so many
/// operations.
constexpr size_t kMostTimes = 20, kMostOperations = 50'000;

/// Rewrites one function. It moves the operations to a new list; where a `gradient` op stands, the
/// ops that compute it are appended instead.
class Differentiator {
  public:
    /// `function` must not lie in module.functions: bodies of scans are added there, which moves
    /// what lies in it.
    Differentiator(Module& module, Function& function)
        : module_(module), function_(function), b_(module, function) {}

    bool run() {
        std::vector<Operation> before = std::move(function_.operations);
        function_.operations.clear();
        bool changed = false;
        for (Operation& op : before) {
            if (op.as<ir::Gradient>() != nullptr) {
                expand(op);
                changed = true;
                check_length(before.size(), op.location);
            } else {
                function_.operations.push_back(std::move(op));
            }
        }
        rename_uses();
        return changed;
    }

  private:
    void check_length(size_t before, Location where) const {
        const size_t most = std::max(kMostOperations, kMostTimes * before);
        if (function_.operations.size() > most)
            throw TooLarge(
                fmt::format("with this gradient `{}` has {} operations; at most {} are compiled, "
                            "so gradients of gradients have to nest less deeply",
                            function_.name, function_.operations.size(), most),
                where);
    }

    /// Emits the derivatives of op's first operand by the others.
    void expand(const Operation& op) {
        expand_plain_forms(op);
        const ValueId f = renames_.of(op.operands[0]);
        const std::vector<ValueId> sources = sources_of(op);
        b_.set_location(op.location);
        flow_back(f, sources);
        for (size_t i = 0; i < sources.size(); ++i) {
            const auto found = diff_.find(sources[i]);
            const ValueId value = found != diff_.end() ? found->second : zero(b_.type(sources[i]));
            renames_.set(op.results[i], value);
        }
    }

    std::vector<ValueId> sources_of(const Operation& gradient) const {
        std::vector<ValueId> sources;
        for (size_t i = 1; i < gradient.operands.size(); ++i)
            sources.push_back(renames_.of(gradient.operands[i]));
        return sources;
    }

    /// Fills `diff_`: starts with df/df = 1 and goes through the operations from last to first, so
    /// that the derivative of a result is complete before it is passed on to the operands.
    void flow_back(ValueId f, const std::vector<ValueId>& sources) {
        diff_.clear();
        for (Operation& op : function_.operations) renames_.apply(op);
        const std::vector<bool> matters = depends_on(sources);
        if (!matters[f]) return;
        const size_t count = function_.operations.size();  // of those that `matters` knows
        diff_[f] = b_.constant(1, {});
        for (size_t i = count; i-- > 0;) {
            const Operation op = function_.operations[i];  // a copy: rules append to the list
            if (op.as<Scan>() != nullptr) {
                flow_through_scan(op, i, matters);
                continue;
            }
            if (op.results.size() != 1 || op.info().has(kNoGradient) || !matters[op.result()])
                continue;
            const auto diff = diff_.find(op.result());
            if (diff != diff_.end()) flow_through(op, diff->second, matters);
        }
    }

    /// Puts the plain form of ops that have no rule (gradients of attention) in the place of those
    /// on a way from a source to f: second derivatives.
    void expand_plain_forms(const Operation& gradient) {
        const auto has_no_rule = [](const Operation& op) {
            return op.as<AttentionGradient>() != nullptr;
        };
        if (std::none_of(function_.operations.begin(), function_.operations.end(), has_no_rule))
            return;
        for (Operation& op : function_.operations) renames_.apply(op);
        const std::vector<bool> matters = depends_on(sources_of(gradient)),
                                leads = leads_to(renames_.of(gradient.operands[0]));
        const auto between = [&](ValueId v) { return matters[v] && leads[v]; };
        std::vector<Operation> before = std::move(function_.operations);
        function_.operations.clear();
        for (Operation& op : before) {
            renames_.apply(op);
            if (!has_no_rule(op) || std::none_of(op.results.begin(), op.results.end(), between)) {
                function_.operations.push_back(std::move(op));
                continue;
            }
            b_.set_location(op.location);
            const std::vector<ValueId> values = ops::emit_plain_form(b_, op);
            for (size_t i = 0; i < values.size(); ++i) renames_.set(op.results[i], values[i]);
        }
    }

    /// By value: whether f is computed from it.
    std::vector<bool> leads_to(ValueId f) const {
        std::vector<bool> leads(function_.values.size(), false);
        leads[f] = true;
        for (size_t i = function_.operations.size(); i-- > 0;) {
            const Operation& op = function_.operations[i];
            if (std::any_of(op.results.begin(), op.results.end(),
                            [&](ValueId v) { return leads[v]; }))
                for (ValueId v : op.operands) leads[v] = true;
        }
        return leads;
    }

    void flow_through(const Operation& op, ValueId diff, const std::vector<bool>& matters) {
        std::vector<bool> wanted;
        for (ValueId operand : op.operands) wanted.push_back(matters[operand]);
        b_.set_location(op.location);
        ops::GradientContext context(b_, op, diff, wanted);
        ops::gradient(op.op, context);
        for (size_t i = 0; i < op.operands.size(); ++i)
            if (wanted[i] && context.found(i) != kNone)
                accumulate(op.operands[i], context.found(i));
    }

    void flow_through_scan(const Operation& op, size_t index, const std::vector<bool>& matters) {
        ScanGradient scan{index, {}, {}};
        for (ValueId operand : op.operands) scan.wanted.push_back(matters[operand]);
        for (ValueId result : op.results) {
            const auto diff = diff_.find(result);
            scan.diffs.push_back(diff == diff_.end() ? kNone : diff->second);
        }
        const auto expand = [&](Function& body) { Differentiator(module_, body).run(); };
        const std::vector<ValueId> found = differentiate_scan(b_, scan, expand);
        for (size_t i = 0; i < op.operands.size(); ++i)
            if (found[i] != kNone && scan.wanted[i]) accumulate(op.operands[i], found[i]);
    }

    void accumulate(ValueId value, ValueId diff) {
        const auto [total, fresh] = diff_.try_emplace(value, diff);
        if (!fresh) total->second = sum(total->second, diff);
    }

    /// A zero of the type. The type is passed by value, because new values may move those of the
    /// function.
    ValueId zero(Type type) {
        const ValueId zero = b_.constant(0, type.shape);
        return type.dtype == DType::kBf16 ? b_.emit_typed(Cast{}, {zero}, type) : zero;
    }

    /// The sum of two derivatives; those of bf16 are added in f32 and rounded once.
    ValueId sum(ValueId a, ValueId b) {
        const Type type = b_.type(a);
        if (type.dtype != DType::kBf16) return b_.add(a, b);
        const auto wide = [&](ValueId v) { return b_.emit_typed(Cast{}, {v}, f32(type.shape)); };
        const ValueId wide_a = wide(a), wide_b = wide(b);
        return b_.emit_typed(Cast{}, {b_.add(wide_a, wide_b)}, type);
    }

    /// By value: whether it is computed from one of `sources` through ops that pass gradients on.
    std::vector<bool> depends_on(const std::vector<ValueId>& sources) const {
        std::vector<bool> matters(function_.values.size(), false);
        for (ValueId source : sources) matters[source] = true;
        for (const Operation& op : function_.operations) {
            if (op.info().has(kNoGradient)) continue;
            const bool any = std::any_of(op.operands.begin(), op.operands.end(),
                                         [&](ValueId v) { return matters[v]; });
            for (ValueId result : op.results)
                if (any) matters[result] = true;
        }
        return matters;
    }

    /// Readers of a `gradient` op's results read the computed derivatives instead.
    void rename_uses() {
        for (Operation& op : function_.operations) renames_.apply(op);
        renames_.apply_to_exits(function_);
    }

    Module& module_;
    Function& function_;
    Builder b_;
    std::unordered_map<ValueId, ValueId> diff_;  ///< df/d(value), while one gradient is expanded
    /// Results of `gradient` ops, and of ops that have made way for their plain form -> what
    /// computes them.
    ops::Renames renames_;
};

}  // namespace

Result<bool> differentiate(Module& module, Diagnostics&) {
    bool changed = false;
    for (size_t i = 0; i < module.functions.size(); ++i) {
        const size_t count = module.functions.size();
        Function function = module.functions[i];
        if (!Differentiator(module, function).run()) continue;
        changed = true;
        module.functions[i] = std::move(function);
        // New bodies were appended; a body has to stand before the function with its scan.
        const auto begin = module.functions.begin();
        std::rotate(begin + static_cast<std::ptrdiff_t>(i),
                    begin + static_cast<std::ptrdiff_t>(count), module.functions.end());
        i += module.functions.size() - count;
    }
    return changed;
}

}  // namespace gmc::passes
