// Sorts the values of `evaluate` by what they are computed from, then copies what leads from sums
// to figures into a function of its own.
#include "dsl/lower/set_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace gmc::lower {
namespace {

using ir::Operation;
using ir::ValueId;
using OverBatch = FunctionScope::OverBatch;

/// What a value is, were the whole data one batch.
enum class Nature : uint8_t {
    kFixed,    ///< the same for every batch: constants, states
    kCount,    ///< the number of examples
    kTotal,    ///< a sum over the batch
    kMean,     ///< sums over counts, and what is affine in those
    kFormula,  ///< anything else that is computed from the above alone; the largest number
    kExample,  ///< it depends on single examples, random numbers, or batches
};

/// 1. Every value of `evaluate` gets a Nature, which follows from those of the operands, in one
///    walk over the operations.
/// 2. A result that is a mean can stay: the runtime averages it over batches, weighted by their
///    sizes. One that depends on single examples cannot be computed from sums, and stays as well.
/// 3. A sum over the batch whose terms depend on another one, as mean((x - mean(x))^2), cannot be
///    added up: each batch has another mean. What is computed from it stays, with a warning.
/// 4. The other results are copied into `figures`, together with all that leads to them, down to
///    the sums over the batch, which become its inputs and additional results of `evaluate`.
class FigureSplitter {
  public:
    FigureSplitter(const FunctionScope& scope, ir::Function& evaluate)
        : scope_(scope), evaluate_(evaluate) {
        figures_.name = "figures";
    }

    std::optional<ir::Function> run() {
        find_natures();
        const std::vector<ir::NamedValue> results = evaluate_.results;
        for (const ir::NamedValue& result : results) {
            if (relative_[result.value] != nullptr) warn(result);
            const Nature nature = nature_[result.value];
            if (nature == Nature::kTotal || nature == Nature::kCount || nature == Nature::kFormula)
                figures_.results.push_back({result.name, copy(result.value), result.unit});
        }
        if (figures_.results.empty()) return std::nullopt;
        return std::move(figures_);
    }

  private:
    /// Values over the batch were noted by FunctionScope while they were made; all others follow
    /// from their operands.
    void find_natures() {
        nature_.assign(evaluate_.values.size(), Nature::kExample);
        maker_.assign(evaluate_.values.size(), nullptr);
        relative_.assign(evaluate_.values.size(), nullptr);
        statistic_.assign(evaluate_.values.size(), nullptr);
        for (size_t v = 0; v < evaluate_.values.size(); ++v)
            if (evaluate_.values[v].state != ir::kNone) nature_[v] = Nature::kFixed;
        std::map<ValueId, const OverBatch*> over_batch;
        for (const OverBatch& value : scope_.over_batch) over_batch[value.value] = &value;
        for (const Operation& op : evaluate_.operations)
            for (ValueId v : op.results) {
                for (ValueId operand : op.operands) {
                    if (relative_[v] == nullptr) relative_[v] = relative_[operand];
                    if (statistic_[v] == nullptr) statistic_[v] = statistic_[operand];
                }
                const auto known = over_batch.find(v);
                nature_[v] = known == over_batch.end()  ? nature_of(op)
                             : statistic_[v] != nullptr ? Nature::kExample
                                                        : nature_of_sum(known->second->kind);
                maker_[v] = &op;
                if (known == over_batch.end() || known->second->text.empty()) continue;
                if (statistic_[v] != nullptr) relative_[v] = known->second;
                if (statistic_[v] == nullptr) statistic_[v] = known->second;
            }
    }

    static Nature nature_of_sum(OverBatch::Kind kind) {
        if (kind == OverBatch::Kind::kSum) return Nature::kTotal;
        return kind == OverBatch::Kind::kCount ? Nature::kCount : Nature::kFormula;
    }

    /// Says of a result that it is another one with batches of another size.
    void warn(const ir::NamedValue& result) {
        const OverBatch& sum = *relative_[result.value];
        const dsl::ObjectiveSpec& objective = scope_.m.spec.objective;
        if (objective.recipe.file != 0 && sum.span.file == objective.recipe.file) return;
        // A loss that is imported compares the examples of a batch on purpose.
        for (const dsl::MinimizeSpec& entry : objective.minimize)
            if (objective.loss_name(entry) == result.name && entry.loss->span.file != sum.span.file)
                return;
        scope_.m.diagnostics
            .warning(DiagnosticKind::kBadExpression, sum.span,
                     "`{}` depends on `{}` of its own batch: over several batches, `eval` and "
                     "`validate` give the mean of what each gives, not `{}` of all examples",
                     sum.text, statistic_[sum.value]->text, result.name)
            .help(
                "sums of what depends on single examples are of all of them, as in the variance "
                "`mean(x^2) - mean(x)^2`; `mean(examples(x), axis=0)` says that the mean of the "
                "batch is meant");
    }

    /// The enumerators stand in an order in which the nature of an op is mostly the greatest of its
    /// operands. Beyond that: a total divided by a count is a mean; what is affine in means is a
    /// mean, because the mean of batches commutes with it; any other op makes a formula of them, as
    /// the root of a mean is not the mean of roots.
    Nature nature_of(const Operation& op) const {
        // A scan stays where its body is.
        if (op.as<ir::Gradient>() != nullptr || op.as<ir::Scan>() != nullptr)
            return Nature::kExample;
        if (op.as<ir::RandomNormal>() != nullptr || op.as<ir::RandomUniform>() != nullptr)
            return Nature::kExample;
        Nature most = Nature::kFixed;
        for (ValueId v : op.operands) most = std::max(most, nature_[v]);
        if (most == Nature::kFixed || most == Nature::kExample) return most;
        const auto is = [&](size_t i, Nature nature) { return nature_[op.operands[i]] == nature; };
        // What only puts numbers elsewhere.
        if (op.as<ir::Reshape>() != nullptr || op.as<ir::Broadcast>() != nullptr) return most;
        if (op.as<ir::Div>() != nullptr && is(0, Nature::kTotal) && is(1, Nature::kCount))
            return Nature::kMean;
        if (most != Nature::kMean) return Nature::kFormula;
        const bool sums = op.as<ir::Add>() != nullptr || op.as<ir::Sub>() != nullptr;
        const bool linear = op.as<ir::Neg>() != nullptr || op.as<ir::ReduceSum>() != nullptr ||
                            op.as<ir::Slice>() != nullptr;
        const bool scaled =
            (op.as<ir::Mul>() != nullptr && (is(0, Nature::kFixed) || is(1, Nature::kFixed))) ||
            (op.as<ir::Div>() != nullptr && is(1, Nature::kFixed));
        const bool of_means = std::all_of(op.operands.begin(), op.operands.end(), [&](ValueId v) {
            return nature_[v] == Nature::kMean || nature_[v] == Nature::kFixed;
        });
        return of_means && (sums || linear || scaled) ? Nature::kMean : Nature::kFormula;
    }

    /// The same value in `figures`.
    ValueId copy(ValueId value) {
        if (const auto known = copies_.find(value); known != copies_.end()) return known->second;
        return copies_[value] = make(value);
    }

    /// Recursive: a sum over the batch becomes an input, a state is read again, and any other value
    /// is computed by a copy of its op.
    ValueId make(ValueId value) {
        for (const OverBatch& known : scope_.over_batch)
            if (known.value == value) return add_input(known);
        if (evaluate_.values[value].state != ir::kNone)
            return figures_.state_value(evaluate_.values[value].state, scope_.m.module);
        const Operation& op = *maker_[value];
        Operation made = op;
        for (ValueId& v : made.operands) v = copy(v);
        for (ValueId& v : made.results) {
            const ir::Value& old = evaluate_.values[v];
            copies_[v] = figures_.add_value(old.name, old.type);
            v = copies_[v];
        }
        figures_.operations.push_back(std::move(made));
        return copies_.at(value);
    }

    /// Names begin with "sum.", "max." or "logsum." and a number; the dot keeps them apart from
    /// names of metrics, which have none.
    ValueId add_input(const OverBatch& sum) {
        const bool largest = sum.kind == OverBatch::Kind::kLargest;
        const bool logarithm = sum.kind == OverBatch::Kind::kLogSum;
        const std::string name = fmt::format(
            "{}.{}", largest ? "max" : (logarithm ? "logsum" : "sum"), figures_.inputs.size());
        const bool whole = !evaluate_.type(sum.value).is_scalar();
        evaluate_.results.push_back({name, sum.value, {}, whole});
        const ValueId value = figures_.add_value(name, evaluate_.type(sum.value));
        const auto kind = largest     ? ir::InputSource::Kind::kLargest
                          : logarithm ? ir::InputSource::Kind::kLogSum
                                      : ir::InputSource::Kind::kTotal;
        figures_.inputs.push_back({value, {kind, name}});
        return value;
    }

    const FunctionScope& scope_;
    ir::Function& evaluate_;
    ir::Function figures_;
    std::vector<Nature> nature_;           ///< by value of `evaluate`
    std::vector<const Operation*> maker_;  ///< by value of `evaluate`
    /// By value: a sum over the batch that it is computed from whose terms depend on another one,
    /// and one that it depends on at all; null: none. Those of networks' layers are left out.
    std::vector<const OverBatch*> relative_, statistic_;
    std::map<ValueId, ValueId> copies_;  ///< value of `evaluate` -> value of `figures`
};

}  // namespace

std::optional<ir::Function> figures_of_set(const FunctionScope& scope, ir::Function& evaluate) {
    return FigureSplitter(scope, evaluate).run();
}

}  // namespace gmc::lower
