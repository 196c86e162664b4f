// Checks what trains each network: networks that nothing trains or that see nothing, opponents that
// do not oppose, and errors that are rewarded.
#include <algorithm>
#include <optional>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// For every network: does an entry of `minimize` train it? For every two entries: does one of them
/// judge the other, and do they want different things?
class TrainingChecks {
  public:
    TrainingChecks(const ModelView& view, const Facts& facts, Diagnostics& diagnostics)
        : view_(view), facts_(facts), diagnostics_(diagnostics) {}

    void run() {
        const std::vector<MinimizeSpec>& entries = view_.spec().objective.minimize;
        for (const NetworkSpec& network : view_.spec().networks) {
            trained(network);
            weight(network);
        }
        for (const MinimizeSpec& entry : entries)
            if (is_alone(entry)) {
                rewarded(entry);
                linear(entry);
            }
        for (const MinimizeSpec& entry : entries) signed_difference(*entry.loss);
        view_.walk_losses([&](const Expression& e) { constant_input(e); });
        lowest(view_.spec().train.keep_best, "of: highest");
        lowest(view_.spec().train.early_stopping, "best: highest");
        highest(view_.spec().train.keep_best, "of: lowest");
        highest(view_.spec().train.early_stopping, "best: lowest");
        for (const MinimizeSpec& entry : entries) {
            one_entry_for_both(entry);
            for (const MinimizeSpec& other : entries)
                if (&other != &entry) same_direction(entry, other);
        }
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

    /// Weights for which training needs more memory than laptops have. Of each, Adam keeps the
    /// weight, its gradient and two averages, in 4 bytes each.
    void weight(const NetworkSpec& network) {
        constexpr double kMost = 5e8, kBytes = 16, kGiga = 1e9;
        const auto parameters = static_cast<double>(facts_.at(network.name).parameters);
        if (parameters < kMost) return;
        diagnostics_
            .warning(DiagnosticKind::kTooLarge, network.span,
                     "`{}` has {:.1f} billion weights, for which training takes {:.0f} GB",
                     network.name, parameters / kGiga, parameters * kBytes / kGiga)
            .help("`gmc summary` says which layer has how many");
    }

    /// Whether `e` can have no value below 0, and none that is largest: errors and squares.
    bool is_error(const Expression& e) const {
        const Expression& value = view_.resolved(e);
        if (value.kind == Kind::kBinary && value.text == "^")
            return constant_value(*value.arguments[1]) == 2.0;
        if (value.kind == Kind::kBinary && (value.text == "*" || value.text == "+"))
            return (is_error(*value.arguments[0]) ||
                    constant_value(*value.arguments[0]).value_or(-1) > 0) &&
                   (is_error(*value.arguments[1]) ||
                    constant_value(*value.arguments[1]).value_or(-1) > 0) &&
                   (is_error(*value.arguments[0]) || is_error(*value.arguments[1]));
        if (value.kind != Kind::kCall || value.arguments.empty()) return false;
        static constexpr std::string_view kErrors[] = {"bce_with_logits", "abs", "norm",
                                                       "cross_entropy"};
        if (std::find(std::begin(kErrors), std::end(kErrors), value.text) != std::end(kErrors))
            return true;
        return (value.text == "mean" || value.text == "sum") && is_error(*value.arguments[0]);
    }

    /// Whether `e` can have no value above 0, and none that is smallest: logarithms of
    /// probabilities, alone or those of the right class.
    bool is_log_probability(const Expression& e) const {
        const Expression& value = view_.resolved(e);
        if (value.kind == Kind::kBinary && value.text == "*") {
            const auto chooses = [&](const Expression& factor) {
                return view_.resolved(factor).text == "one_hot";
            };
            return (chooses(*value.arguments[0]) && is_log_probability(*value.arguments[1])) ||
                   (chooses(*value.arguments[1]) && is_log_probability(*value.arguments[0]));
        }
        if (value.kind != Kind::kCall || value.arguments.empty()) return false;
        return value.text == "log_softmax" || ((value.text == "mean" || value.text == "sum") &&
                                               is_log_probability(*value.arguments[0]));
    }

    /// A term of a sum, and whether it counts below 0 there.
    struct SignedTerm {
        const Expression* term;
        bool negative;
    };

    /// The terms of a sum, through signs, factors that are numbers, and entries of `let`.
    void add_terms(const Expression& e, bool negative, std::vector<SignedTerm>& out) const {
        const Expression& value = view_.resolved(e);
        if (value.kind == Kind::kUnary)
            return add_terms(*value.arguments[0], negative != (value.text == "-"), out);
        if (value.kind == Kind::kBinary && (value.text == "+" || value.text == "-")) {
            add_terms(*value.arguments[0], negative, out);
            return add_terms(*value.arguments[1], negative != (value.text == "-"), out);
        }
        if (value.kind == Kind::kBinary && value.text == "*")
            for (size_t i = 0; i < 2; ++i)
                if (const std::optional<double> weight = constant_value(*value.arguments[i]))
                    return add_terms(*value.arguments[1 - i], negative != (*weight < 0), out);
        out.push_back({&e, negative});
    }

    /// Whether a loss can fall without end by this term alone.
    bool rewards(const SignedTerm& term) const {
        return term.negative ? is_error(*term.term) : is_log_probability(*term.term);
    }

    /// An error that counts below 0 within a mean or sum, as the squared mean in a divergence with
    /// the wrong sign; null when there is none. One beside an error above 0 may be outweighed by
    /// it, as in mean(x^2) - mean(x)^2.
    const Expression* negative_error_within(const Expression& e, bool negative) const {
        const Expression& value = view_.resolved(e);
        const bool reduction = value.kind == Kind::kCall && value.arguments.size() == 1 &&
                               (value.text == "mean" || value.text == "sum");
        if (!reduction) return nullptr;
        std::vector<SignedTerm> terms;
        add_terms(*value.arguments[0], negative, terms);
        const Expression* found = nullptr;
        for (const SignedTerm& term : terms) {
            const bool error = is_error(*term.term);
            if (error && !term.negative) return nullptr;
            if (found == nullptr)
                found =
                    rewards(term) ? term.term : negative_error_within(*term.term, term.negative);
        }
        return found;
    }

    /// Whether an entry has no opponents: no other loss has its networks, nor its loss theirs.
    bool is_alone(const MinimizeSpec& entry) const {
        const auto plays_in = [&](const std::vector<std::string>& trained, const Expression& loss) {
            const std::set<std::string> networks = view_.networks_in(loss);
            return std::any_of(trained.begin(), trained.end(),
                               [&](const std::string& name) { return networks.count(name) != 0; });
        };
        for (const MinimizeSpec& other : view_.spec().objective.minimize)
            if (&other != &entry &&
                (plays_in(entry.networks, *other.loss) || plays_in(other.networks, *entry.loss)))
                return false;
        return true;
    }

    /// A loss without an opponent falls without end when it counts an error below 0. What a recipe
    /// wrote is right, unless a parameter is wrong, which recipe.cpp says.
    void rewarded(const MinimizeSpec& entry) {
        if (entry.loss->span.file == view_.spec().objective.recipe.file) return;
        std::vector<SignedTerm> terms;
        add_terms(*entry.loss, false, terms);
        for (const SignedTerm& one : terms) {
            const Expression* error =
                rewards(one) ? one.term : negative_error_within(*one.term, one.negative);
            if (error == nullptr) continue;
            const bool log = is_log_probability(*error);
            Diagnostic& warning =
                diagnostics_.warning(DiagnosticKind::kBadValue, one.term->span,
                                     "the loss falls as `{}` {}, and that has no end",
                                     to_string(*error), log ? "falls" : "grows");
            if (error != one.term) warning.note(error->span, "it is here");
            warning.help(log ? "a minus is missing: the loss is the negative logarithm"
                             : "an error is added: is a minus too many, or a weight below 0?");
        }
    }

    /// The result of a network that nothing bounds, where `e` is that result times what no network
    /// gives and training does not change, or a mean or sum of such products; null otherwise. A
    /// result alone, as an energy or a critic, has no such `factor`.
    const Expression* times_data(const Expression& e, const Expression*& factor) const {
        const Expression& value = view_.resolved(e);
        if (value.kind == Kind::kUnary) return times_data(*value.arguments[0], factor);
        if (value.kind == Kind::kCall && !value.arguments.empty() &&
            (value.text == "mean" || value.text == "sum"))
            return times_data(*value.arguments[0], factor);
        if (value.kind == Kind::kBinary && (value.text == "*" || value.text == "/"))
            for (size_t i = 0; i < (value.text == "*" ? 2 : 1); ++i) {
                const Expression& other = *value.arguments[1 - i];
                if (!view_.networks_in(other).empty()) continue;
                if (!constant_value(other)) factor = &other;
                return times_data(*value.arguments[i], factor);
            }
        const std::optional<Ending> ending = view_.ending_of(value);
        return ending && ending->activation == "none" && !ending->network->is_parameter ? &value
                                                                                        : nullptr;
    }

    /// A loss whose only term with a network is linear in what that gives has no end below.
    void linear(const MinimizeSpec& entry) {
        if (entry.loss->span.file == view_.spec().objective.recipe.file) return;
        std::vector<SignedTerm> terms;
        add_terms(*entry.loss, false, terms);
        const SignedTerm* only = nullptr;
        for (const SignedTerm& one : terms) {
            if (view_.learning_networks_in(*one.term).empty()) continue;
            if (only != nullptr) return;
            only = &one;
        }
        const Expression* factor = nullptr;
        const Expression* result = only ? times_data(*only->term, factor) : nullptr;
        if (result == nullptr || factor == nullptr) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, only->term->span,
                     "the loss is `{}` times what no network gives, and that falls without end",
                     to_string(*result))
            .help(linear_help(*only->term, *result, *factor));
    }

    std::string linear_help(const Expression& term, const Expression& result,
                            const Expression& factor) const {
        std::string help;
        view_.walk(term, [&](const Expression& e) {
            if (!help.empty() || e.kind != Kind::kCall || e.arguments.size() != 2 ||
                !view_.definition(e.text) || !view_.networks_in(*e.arguments[0]).empty() ||
                view_.networks_in(*e.arguments[1]).empty())
                return;
            const std::vector<std::string>& names = view_.definition(e.text)->parameters;
            help = fmt::format("its arguments change places: `{}({}, {})`, for `{}` and `{}`",
                               e.text, to_string(*e.arguments[1]), to_string(*e.arguments[0]),
                               names.at(0), names.at(1));
        });
        if (!help.empty()) return help;
        if (view_.resolved(factor).text == "log_softmax")
            return "the logarithm is that of what the network gives: `log_softmax(" +
                   to_string(result) + ")`";
        return "is a `log_softmax(" + to_string(result) + ")` or a square missing?";
    }

    /// Warns about `mean(sum(y - image))`: there a difference from the data counts with its sign.
    void signed_difference(const Expression& loss) {
        std::vector<SignedTerm> terms;
        add_terms(loss, false, terms);
        for (const SignedTerm& one : terms) {
            const Expression* value = &view_.resolved(*one.term);
            while (value->kind == Kind::kCall && value->arguments.size() == 1 &&
                   (value->text == "mean" || value->text == "sum"))
                value = &view_.resolved(*value->arguments[0]);
            if (value == one.term || value->kind != Kind::kBinary || value->text != "-") continue;
            const Expression &a = *value->arguments[0], &b = *value->arguments[1];
            const bool differs = (view_.field_of(a) && !view_.learning_networks_in(b).empty()) ||
                                 (view_.field_of(b) && !view_.learning_networks_in(a).empty());
            if (!differs) continue;
            diagnostics_
                .warning(DiagnosticKind::kBadValue, value->span,
                         "`{}` counts with its sign, so the loss is smallest far from the data",
                         to_string(*value))
                .help(fmt::format("an error is `({0})^2` or `abs({0})`", to_string(*value)));
        }
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

    /// The terms of a loss as texts.
    std::set<std::pair<std::string, bool>> terms_of(const Expression& loss) const {
        std::vector<SignedTerm> terms;
        add_terms(loss, false, terms);
        std::set<std::pair<std::string, bool>> out;
        for (const auto& [term, negative] : terms)
            out.insert({to_string(view_.resolved(*term)), negative});
        return out;
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
        const std::set<std::pair<std::string, bool>> theirs = terms_of(*judging.loss),
                                                     own = terms_of(*player.loss);
        if (!std::includes(theirs.begin(), theirs.end(), own.begin(), own.end())) return;
        diagnostics_
            .warning(DiagnosticKind::kNoOpponent, player.loss->span,
                     "`{}` and `{}` both make `{}` small: nobody works against the other",
                     player.networks.front(), *judge, to_string(*player.loss))
            .note(judging.loss->span, fmt::format("the loss of `{}` is here", *judge))
            .help(own.begin()->first.find("bce_with_logits") == std::string::npos
                      ? "a minus is missing in one of the two"
                      : "for samples, the target is 0 in the one and 1 in the other");
    }

    /// A generator that is applied to a number gives the same sample always. Other networks may be
    /// meant so: of the number 1 a layer makes a tensor that is trained.
    void constant_input(const Expression& e) {
        const NetworkSpec* network = e.kind == Kind::kCall ? view_.network(e.text) : nullptr;
        if (!network || network->role != "generator" || e.arguments.empty()) return;
        for (const ExpressionPtr& argument : e.arguments)
            if (!constant_value(view_.resolved(*argument))) return;
        if (!constant_inputs_.insert(network).second) return;
        diagnostics_
            .warning(DiagnosticKind::kNotTrained, e.span,
                     "`{}` is applied to a number, so all of its samples are the same",
                     network->name)
            .help(fmt::format("noise in the shape of its input is `normal({})`", network->name));
    }

    /// The best value of a metric is its lowest, unless the model says otherwise.
    void lowest(const std::optional<WatchedMetric>& metric, const char* otherwise) {
        if (!metric || metric->highest || metric->name.find("accuracy") == std::string::npos)
            return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, metric->span,
                     "the best `{}` is taken to be the lowest", metric->name)
            .help(fmt::format("`{}`", otherwise));
    }

    /// The best value of what training makes small, a loss or its terms, is hardly its highest. Of
    /// what one entry makes small and another large, it may be.
    void highest(const std::optional<WatchedMetric>& metric, const char* otherwise) {
        if (!metric || !metric->highest) return;
        const ObjectiveSpec& objective = view_.spec().objective;
        std::set<std::pair<std::string, bool>> terms, opposite;
        for (const MinimizeSpec& entry : objective.minimize)
            for (const NamedExpression& one : entry.metrics)
                if (one.name == metric->name) terms = terms_of(*one.value);
        for (const auto& [term, negative] : terms) opposite.insert({term, !negative});
        const MinimizeSpec* found = nullptr;
        for (const MinimizeSpec& entry : objective.minimize) {
            const bool is_loss = objective.loss_name(entry) == metric->name;
            const auto of_loss = terms_of(*entry.loss);
            const auto has = [&](const auto& part) {
                return !part.empty() &&
                       std::includes(of_loss.begin(), of_loss.end(), part.begin(), part.end());
            };
            if (!is_loss && has(opposite)) return;
            if (is_loss || has(terms)) found = &entry;
        }
        if (found == nullptr) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, metric->span,
                     "the best `{}` is taken to be the highest, but training makes it small",
                     metric->name)
            .note(found->loss->span, "the loss is here")
            .help(fmt::format("`{}`, which need not be said", otherwise));
    }

    const ModelView& view_;
    const Facts& facts_;
    Diagnostics& diagnostics_;
    std::set<const NetworkSpec*> constant_inputs_;  ///< networks that were reported
};

}  // namespace

void check_training(const ModelView& view, const Facts& facts, Diagnostics& diagnostics) {
    TrainingChecks(view, facts, diagnostics).run();
}

}  // namespace gmc::dsl
