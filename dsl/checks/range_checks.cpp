// Checks whether values can match: targets of a cross-entropy, and the range of networks against
// that of the data.
#include <algorithm>
#include <cmath>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

/// True when the activation reaches all of the data's range and not much beyond it.
/// "Much" is half of the data's width: tanh (-1 to 1) fits data of [-0.8, 0.8], but not data of [0,
/// 1], where half of what it gives can never be right.
bool fits(const Range& activation, const Range& data) {
    constexpr double kTolerance = 1e-6;  ///< of the width: rounding of ends such as -0.3333
    const double width = data.high - data.low;
    const double missing_low = activation.low - data.low,
                 missing_high = data.high - activation.high;
    if (std::max(missing_low, missing_high) > kTolerance * width) return false;
    const bool far_low = std::isfinite(activation.low) && -missing_low > width / 2,
               far_high = std::isfinite(activation.high) && -missing_high > width / 2;
    return !far_low && !far_high;
}

/// Two themes: targets of a cross-entropy outside of 0 to 1, and networks whose last activation
/// cannot give what the data holds.
class RangeChecks {
  public:
    RangeChecks(const ModelView& view, const Facts& facts, Diagnostics& diagnostics)
        : view_(view), spec_(view.spec()), facts_(facts), diagnostics_(diagnostics) {}

    void run() {
        const size_t before = diagnostics_.warnings().size();
        targets();
        // One warning per cause: when the range of the data was questioned already, outputs are not
        // compared with it.
        if (diagnostics_.warnings().size() == before) outputs();
    }

  private:
    // ---- targets of bce_with_logits ----

    void targets() {
        view_.walk_losses([&](const Expression& e) {
            class_as_number(e);
            if (e.kind != Expression::Kind::kCall || e.text != "bce_with_logits" ||
                e.arguments.size() != 2)
                return;
            if (const DataField* field = view_.field_of(*e.arguments[1])) target(e, *field);
        });
    }

    /// The number of a class is no quantity: 4 is not twice 2.
    void class_as_number(const Expression& e) {
        const bool arithmetic = e.kind == Expression::Kind::kBinary &&
                                (e.text == "+" || e.text == "-" || e.text == "*" || e.text == "/");
        const bool target = e.kind == Expression::Kind::kCall && e.text == "bce_with_logits";
        if (!arithmetic && !target) return;
        for (const ExpressionPtr& argument : e.arguments) {
            const DataField* field = view_.field_of(*argument);
            if (!field || !field->shape.empty() || field->classes <= 2 ||
                !reported_.insert(field->name).second)
                continue;
            diagnostics_
                .warning(DiagnosticKind::kRangeMismatch, argument->span,
                         "`{}` is the number of one of {} classes, and is computed with as a "
                         "quantity",
                         field->name, field->classes)
                .help(fmt::format("`one_hot({})` is 1 at the class and 0 elsewhere", field->name));
        }
    }

    void target(const Expression& call, const DataField& field) {
        const std::optional<Range> span = range_of(field);
        if (!span || (span->low >= 0 && span->high <= 1)) return;
        if (!reported_.insert(field.name).second) return;
        // A recipe is not the author's: there the field is what can be changed.
        const bool in_recipe = call.span.file == spec_.objective.recipe.file;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch,
                     in_recipe ? field.span : call.arguments[1]->span,
                     "`bce_with_logits` takes targets from 0 to 1, but `{}` spans [{:.3g}, {:.3g}]",
                     field.name, span->low, span->high)
            .note(in_recipe ? call.span : field.span,
                  in_recipe ? std::string("the recipe uses it here")
                            : fmt::format("`{}` is declared here", field.name))
            .help(
                fmt::format("{} for the field, or a loss for other values: in recipes with "
                            "`likelihood`, `likelihood: gaussian`",
                            field.format == "csv" ? "`scale: range` in `csv`" : "`range: [0, 1]`"));
    }

    // ---- what networks give ----

    /// The function `sample` says what the model gives in the end, also when it puts an activation
    /// around a network; without it, generators and decoders are looked at.
    void outputs() {
        for (const FunctionSpec& function : spec_.objective.functions) {
            if (function.name != "sample" || function.results.empty()) continue;
            sample(*function.results.front().value, function.parameters);
            return;
        }
        for (const NetworkSpec& network : spec_.networks)
            if (network.role == "generator" || network.role == "decoder") ends_in(network);
    }

    /// `sample(z): net(z)` and `sample(z): sigmoid(net(z))` are followed; anything else is not
    /// judged.
    void sample(const Expression& result, const std::vector<std::string>& parameters) {
        const bool bound =
            std::find(parameters.begin(), parameters.end(), result.text) != parameters.end();
        const Expression& e = bound ? result : view_.resolved(result);
        if (e.kind != Expression::Kind::kCall) return;
        if (const NetworkSpec* network = view_.network(e.text)) return ends_in(*network);
        if (e.arguments.size() != 1 || e.arguments[0]->kind != Expression::Kind::kCall) return;
        if (const NetworkSpec* network = view_.network(e.arguments[0]->text))
            compare({network, "", e.text, range_of(e.text), e.span});
    }

    void ends_in(const NetworkSpec& network) {
        if (const std::optional<Ending> ending = ending_of(network)) compare(*ending);
    }

    /// Compares the range of an ending with the first field that has its shape.
    void compare(const Ending& ending) {
        const std::vector<int64_t>& shape = facts_.at(ending.network->name).shape;
        const auto field =
            std::find_if(spec_.data.begin(), spec_.data.end(),
                         [&](const DataField& f) { return range_of(f) && f.shape == shape; });
        if (field == spec_.data.end()) return;
        const Range span = *range_of(*field);
        if (is_unbounded(ending) && has_bounds(*field) && only_judged(*ending.network))
            unbounded(ending, *field);
        if (ending.activation == "softmax" && field->shape.size() > 1)
            return sums_to_one(ending, *field);
        if (!ending.range || fits(*ending.range, span)) return;
        const std::string gives =
            std::isfinite(ending.range->high)
                ? fmt::format("from {} to {}", ending.range->low, ending.range->high)
                : fmt::format("of at least {}", ending.range->low);
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, ending.span,
                     "`{}` gives values {}, but `{}`, which `{}` imitates, spans [{:.3g}, {:.3g}]",
                     ending.activation, gives, field->name, ending.network->name, span.low,
                     span.high)
            .note(field->span, fmt::format("`{}` is declared here", field->name))
            .help(remedy(*ending.range, *field));
    }

    /// True when a network is trained only by what a judge says about it, and by nothing that looks
    /// at its values themselves. Then only an activation keeps its values in the range of the data.
    bool only_judged(const NetworkSpec& network) const {
        bool judged = false, seen = false;
        for (const MinimizeSpec& entry : spec_.objective.minimize) {
            const auto& trained = entry.networks;
            if (std::find(trained.begin(), trained.end(), network.name) == trained.end()) continue;
            seen |= occurs_outside_judges(network, *entry.loss);
            for (const std::string& name : view_.networks_in(*entry.loss))
                judged |= is_judge(*view_.network(name));
        }
        return judged && !seen;
    }

    bool occurs_outside_judges(const NetworkSpec& network, const Expression& e) const {
        const Expression& value = view_.resolved(e);
        const NetworkSpec* applied =
            value.kind == Expression::Kind::kCall ? view_.network(value.text) : nullptr;
        if (applied && is_judge(*applied)) return false;
        if (applied == &network) return true;
        return std::any_of(
            value.arguments.begin(), value.arguments.end(),
            [&](const ExpressionPtr& a) { return occurs_outside_judges(network, *a); });
    }

    /// After a layer with weights, or a normalisation, whose results have no bounds either.
    static bool is_unbounded(const Ending& ending) {
        const bool normalised = ending.layer && ending.layer->kind.ends_with("_norm");
        return ending.activation == "none" || normalised;
    }

    /// Columns that are standardised, or left as they are, may hold larger numbers in other files.
    static bool has_bounds(const DataField& field) {
        const Range span = *range_of(field);
        return field.format != "csv" ||
               (span.low >= field.range_low && span.high <= field.range_high);
    }

    /// Pictures and sound, whose numbers add up to anything.
    void sums_to_one(const Ending& ending, const DataField& field) {
        bool logits = false;  // then logit_checks.cpp says so
        view_.walk_losses([&](const Expression& e) {
            if (e.kind != Expression::Kind::kCall || e.text != "bce_with_logits") return;
            const std::optional<Ending> taken = view_.ending_of(*e.arguments[0]);
            logits |= taken && taken->network == ending.network;
        });
        if (logits) return;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, ending.span,
                     "`softmax` gives numbers that add up to 1, but those of `{}`, which `{}` "
                     "imitates, do not",
                     field.name, ending.network->name)
            .note(field.span, fmt::format("`{}` is declared here", field.name))
            .help(fmt::format("`{}` gives values in its range", bounded_activation(field)));
    }

    static const char* bounded_activation(const DataField& field) {
        return field.range_low == -field.range_high ? "tanh" : "sigmoid";
    }

    void unbounded(const Ending& ending, const DataField& field) {
        const bool normalised = ending.activation != "none";
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, ending.span,
                     "`{}` ends without an activation, so its values have no bounds, but `{}`, "
                     "which it imitates, spans [{}, {}]",
                     ending.network->name, field.name, field.range_low, field.range_high)
            .note(field.span, fmt::format("`{}` is declared here", field.name))
            .help(normalised
                      ? fmt::format("a layer `{}` behind this one", bounded_activation(field))
                      : fmt::format("`activation: {}` in this layer", bounded_activation(field)));
    }

    static std::string remedy(const Range& range, const DataField& field) {
        if (std::isfinite(range.high))
            return fmt::format("`range: [{}, {}]` for `{}`{}, or another activation", range.low,
                               range.high, field.name,
                               field.format == "csv" ? " with `scale: range` in `csv`" : "");
        return "an activation that gives smaller values too, such as tanh, or none";
    }

    const ModelView& view_;
    const ModelSpec& spec_;
    const Facts& facts_;
    Diagnostics& diagnostics_;
    std::set<std::string> reported_;  ///< fields
};

}  // namespace

void check_ranges(const ModelView& view, const Facts& facts, Diagnostics& diagnostics) {
    RangeChecks(view, facts, diagnostics).run();
}

}  // namespace gmc::dsl
