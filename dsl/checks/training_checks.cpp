// Checks what trains each network: networks that nothing trains, opponents that do not oppose, and
// learning rates that cannot work.
#include <algorithm>
#include <optional>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The value of an expression of numbers alone.
std::optional<double> constant(const Expression& e) {
    if (e.kind == Kind::kNumber) return e.number;
    if (e.kind != Kind::kUnary) return std::nullopt;
    const std::optional<double> value = constant(*e.arguments[0]);
    return value && e.text == "-" ? std::optional(-*value) : value;
}

/// A term of a sum: its text, and whether it is subtracted.
using Term = std::pair<std::string, bool>;

/// For every network: does an entry of `minimize` train it? For every two entries: does one of them
/// judge the other, and do they want different things? For every optimizer: is its rate possible?
class TrainingChecks {
  public:
    TrainingChecks(const ModelView& view, const Facts& facts, Diagnostics& diagnostics)
        : view_(view), facts_(facts), diagnostics_(diagnostics) {}

    void run() {
        const std::vector<MinimizeSpec>& entries = view_.spec().objective.minimize;
        for (const NetworkSpec& network : view_.spec().networks) trained(network);
        if (entries.size() == 1) rewarded(entries.front());
        for (const MinimizeSpec& entry : entries) {
            one_entry_for_both(entry);
            for (const MinimizeSpec& other : entries)
                if (&other != &entry) same_direction(entry, other);
            if (entry.optimizer) rate(*entry.optimizer);
        }
        rate(view_.spec().train.optimizer);
    }

  private:
    /// Only networks that a loss needs where gradients flow are reported; one that nothing uses is
    /// the theme of unused_checks.cpp.
    void trained(const NetworkSpec& network) {
        const std::vector<MinimizeSpec>& entries = view_.spec().objective.minimize;
        if (facts_.at(network.name).parameters == 0 || has_chosen_values(network)) return;
        if (network.is_frozen() || (network.weights && !network.weights->from.empty())) return;
        for (const MinimizeSpec& entry : entries)
            if (contains(entry.networks, network.name)) return;
        for (const MinimizeSpec& entry : entries) {
            if (!view_.learning_networks_in(*entry.loss).count(network.name)) continue;
            diagnostics_
                .warning(DiagnosticKind::kNotTrained, network.span,
                         "a loss needs `{}`, but no entry of `minimize` trains it", network.name)
                .note(entry.loss->span, "the loss is here")
                .help(network.is_parameter
                          ? "add it to the `networks` of an entry, or make it a `state`"
                          : "add it to the `networks` of an entry; `weights: {frozen: true}` says "
                            "that it is meant to stay as it begins");
            return;
        }
    }

    /// Whether `e` can have no value below 0, and none that is largest: errors and squares.
    bool is_error(const Expression& e) const {
        const Expression& value = view_.resolved(e);
        if (value.kind == Kind::kBinary && value.text == "^")
            return constant(*value.arguments[1]) == 2.0;
        if (value.kind == Kind::kBinary && (value.text == "*" || value.text == "+"))
            return (is_error(*value.arguments[0]) ||
                    constant(*value.arguments[0]).value_or(-1) > 0) &&
                   (is_error(*value.arguments[1]) ||
                    constant(*value.arguments[1]).value_or(-1) > 0) &&
                   (is_error(*value.arguments[0]) || is_error(*value.arguments[1]));
        if (value.kind != Kind::kCall || value.arguments.empty()) return false;
        static constexpr std::string_view kErrors[] = {"bce_with_logits", "abs", "norm",
                                                       "cross_entropy"};
        if (std::find(std::begin(kErrors), std::end(kErrors), value.text) != std::end(kErrors))
            return true;
        return (value.text == "mean" || value.text == "sum") && is_error(*value.arguments[0]);
    }

    /// Calls `found` for the terms of a sum that are errors and count below 0.
    template <typename Found>
    void negative_terms(const Expression& e, bool negative, Found&& found) const {
        const Expression& value = view_.resolved(e);
        const bool sum = value.kind == Kind::kBinary && (value.text == "+" || value.text == "-");
        if (value.kind == Kind::kUnary)
            return negative_terms(*value.arguments[0], negative != (value.text == "-"), found);
        if (sum) {
            negative_terms(*value.arguments[0], negative, found);
            return negative_terms(*value.arguments[1], negative != (value.text == "-"), found);
        }
        if (value.kind == Kind::kBinary && value.text == "*")
            for (size_t i = 0; i < 2; ++i)
                if (const std::optional<double> weight = constant(*value.arguments[i]))
                    return negative_terms(*value.arguments[1 - i], negative != (*weight < 0),
                                          found);
        if (negative && is_error(value)) found(e);
    }

    /// The one loss of a model has no opponent, so an error that it counts below 0 grows without
    /// end.
    void rewarded(const MinimizeSpec& entry) {
        negative_terms(*entry.loss, false, [&](const Expression& term) {
            diagnostics_
                .warning(DiagnosticKind::kBadValue, term.span,
                         "the loss falls as `{}` grows, and that has no end", to_string(term))
                .help("an error is added: is a minus too many, or a weight below 0?");
        });
    }

    /// Whether every layer with weights says how they begin: then the network may be meant to stay
    /// as it begins.
    static bool has_chosen_values(const NetworkSpec& network) {
        bool chosen = true;
        for_each_layer(network, [&](const LayerSpec& layer) {
            if (layer.has("initializer")) chosen &= layer.value_spans.count("initializer") != 0;
        });
        return chosen;
    }

    /// Whether `judge` is applied to results of `other` in `loss`, and also to something else. A
    /// network that everything passes through is a part of the judge.
    bool judges(const NetworkSpec& judge, const std::string& other, const Expression& loss) const {
        bool with = false, without = false;
        view_.walk(loss, [&](const Expression& e) {
            if (e.kind != Kind::kCall || e.text != judge.name) return;
            bool found = false;
            for (const ExpressionPtr& argument : e.arguments)
                found |= view_.networks_in(*argument).count(other) != 0;
            (found ? with : without) = true;
        });
        return with && without;
    }

    /// One entry minimizes one loss for all its networks, so a generator and its critic in the same
    /// entry would work together.
    void one_entry_for_both(const MinimizeSpec& entry) {
        for (const std::string& name : entry.networks) {
            const NetworkSpec* judge = view_.network(name);
            if (!judge || !is_judge(*judge)) continue;
            for (const std::string& other : entry.networks) {
                if (other == name || !judges(*judge, other, *entry.loss)) continue;
                diagnostics_
                    .warning(DiagnosticKind::kNoOpponent, span_of(entry, name),
                             "one entry trains `{}` and `{}`, which it judges: both make the same "
                             "loss small, and nobody works against the other",
                             name, other)
                    .note(entry.loss->span, "the loss is here")
                    .help("each of them needs an entry and a loss of its own");
                return;
            }
        }
    }

    static Span span_of(const MinimizeSpec& entry, const std::string& network) {
        const auto at = std::find(entry.networks.begin(), entry.networks.end(), network);
        const auto i = static_cast<size_t>(at - entry.networks.begin());
        return i < entry.network_spans.size() ? entry.network_spans[i] : entry.span;
    }

    /// Collects the terms of a sum; follows entries of `let`.
    void terms(const Expression& e, bool subtracted, std::vector<Term>& out) const {
        const Expression& sum = view_.resolved(e);
        const bool splits = sum.text == "+" || sum.text == "-";
        if (sum.kind == Kind::kBinary && splits) {
            terms(*sum.arguments[0], subtracted, out);
            terms(*sum.arguments[1], subtracted != (sum.text == "-"), out);
        } else if (sum.kind == Kind::kUnary) {
            terms(*sum.arguments[0], subtracted != (sum.text == "-"), out);
        } else {
            out.emplace_back(to_string(sum), subtracted);
        }
    }

    /// Warns when everything that `player` minimizes is minimized by its judge as well.
    /// Losses are compared as sets of signed terms, as texts: `a - b` against `b - a` has terms
    /// with other signs, which is right. Equal terms that are written differently are
    /// missed; then there is no warning.
    void same_direction(const MinimizeSpec& judging, const MinimizeSpec& player) {
        const auto judge =
            std::find_if(judging.networks.begin(), judging.networks.end(), [&](const auto& name) {
                const NetworkSpec* network = view_.network(name);
                return network && is_judge(*network) && !contains(player.networks, name) &&
                       view_.networks_in(*player.loss).count(name) != 0;
            });
        if (judge == judging.networks.end()) return;
        std::vector<Term> theirs, own;
        terms(*judging.loss, false, theirs);
        terms(*player.loss, false, own);
        for (const Term& term : own)
            if (std::find(theirs.begin(), theirs.end(), term) == theirs.end()) return;
        diagnostics_
            .warning(DiagnosticKind::kNoOpponent, player.loss->span,
                     "`{}` and `{}` both make `{}` small: nobody works against the other",
                     player.networks.front(), *judge, to_string(*player.loss))
            .note(judging.loss->span, fmt::format("the loss of `{}` is here", *judge))
            .help("a minus is missing in one of the two");
    }

    /// Warns about learning rates of 0, below 0, or as large as the weights themselves.
    /// Adam and its relatives move a weight by about the learning rate in each step, however small
    /// the gradient, and weights begin well below 1. With sgd the step is the gradient times the
    /// rate, so a large rate may be right.
    void rate(const OptimizerSpec& optimizer) {
        for (const NamedExpression& parameter : optimizer.parameters) {
            if (parameter.name != "learning_rate") continue;
            const std::optional<double> value = constant(*parameter.value);
            if (!value || (*value > 0 && *value < 1)) continue;
            const bool sgd = optimizer.kind == "sgd";
            if (*value >= 1 && sgd) continue;
            Diagnostic& warning = diagnostics_.warning(
                DiagnosticKind::kBadValue, parameter.value->span, "a learning rate of {} {}",
                *value,
                *value == 0  ? "trains nothing"
                : *value < 0 ? "makes the loss larger"
                             : fmt::format("moves every weight by about {} in each step", *value));
            warning.help(sgd ? "usual are 1e-3 to 1e-1" : "usual are 1e-4 to 1e-3");
        }
    }

    const ModelView& view_;
    const Facts& facts_;
    Diagnostics& diagnostics_;
};

}  // namespace

void check_training(const ModelView& view, const Facts& facts, Diagnostics& diagnostics) {
    TrainingChecks(view, facts, diagnostics).run();
}

}  // namespace gmc::dsl
