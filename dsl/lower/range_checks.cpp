// These checks walk the model as its author wrote it rather than the graph, since each warning
// points at a word of the model.
#include "dsl/lower/range_checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

namespace gmc::lower {
namespace {

using dsl::Expression;

/// The range of values of an activation.
struct ActivationRange {
    std::string_view name;
    double low, high;
};
constexpr std::array kRanges = {ActivationRange{"elu", -1, INFINITY},
                                ActivationRange{"gelu", -0.17, INFINITY},  // at x = -0.752
                                ActivationRange{"relu", 0, INFINITY},
                                ActivationRange{"sigmoid", 0, 1},
                                ActivationRange{"silu", -0.279, INFINITY},  // at x = -1.278
                                ActivationRange{"softmax", 0, 1},
                                ActivationRange{"softplus", 0, INFINITY},
                                ActivationRange{"tanh", -1, 1}};

std::optional<ActivationRange> range_of(const std::string& activation) {
    const auto found = std::find_if(kRanges.begin(), kRanges.end(),
                                    [&](const auto& r) { return r.name == activation; });
    return found == kRanges.end() ? std::nullopt : std::optional(*found);
}

std::optional<ActivationRange> range_of(const dsl::LayerSpec& layer) {
    std::optional<ActivationRange> range = range_of(layer.kind);
    if (layer.kind == "elu") range->low = -layer.number("alpha");
    return range;
}

/// The last activation of a network, and its place.
struct Ending {
    std::optional<ActivationRange> range;
    Span span;
};

Ending ending_of(const dsl::NetworkSpec& network) {
    if (!network.outputs.empty()) return {};
    for (auto layer = network.layers.rbegin(); layer != network.layers.rend(); ++layer) {
        // Layers that move values without changing them.
        if (layer->kind == "reshape" || layer->kind == "flatten") continue;
        if (layer->has("activation"))
            return {range_of(layer->word("activation")), layer->span_of("activation")};
        return {range_of(*layer), layer->span};
    }
    return {};
}

bool range_known(const dsl::DataField& field) {
    if (field.shape.empty()) return false;
    if (field.range_given) return true;
    const bool floats = field.format == "npy" || field.format == "npz";
    const bool points = field.format == "synthetic" && field.source != "shapes";
    return !floats && !points;
}

/// True when the activation reaches all of the data's range and not much beyond it.
bool fits(const ActivationRange& activation, const dsl::DataField& field) {
    constexpr double kTolerance = 1e-6;
    const double width = field.range_high - field.range_low;
    const double missing_low = activation.low - field.range_low,
                 missing_high = field.range_high - activation.high;
    if (std::max(missing_low, missing_high) > kTolerance * width) return false;
    const bool far_low = std::isfinite(activation.low) && -missing_low > width / 2,
               far_high = std::isfinite(activation.high) && -missing_high > width / 2;
    return !far_low && !far_high;
}

class RangeChecks {
  public:
    RangeChecks(const dsl::ModelSpec& spec, const std::map<std::string, ir::Shape>& output_shapes,
                Diagnostics& diagnostics)
        : spec_(spec), output_shapes_(output_shapes), diagnostics_(diagnostics) {}

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
        for (const dsl::NamedExpression& entry : spec_.objective.let) targets_in(*entry.value);
        for (const dsl::MinimizeSpec& entry : spec_.objective.minimize) {
            targets_in(*entry.loss);
            for (const dsl::NamedExpression& metric : entry.metrics) targets_in(*metric.value);
        }
    }

    void targets_in(const Expression& e) {
        if (e.kind == Expression::Kind::kCall && e.text == "bce_with_logits" &&
            e.arguments.size() == 2)
            if (const dsl::DataField* field = field_of(*e.arguments[1])) target(e, *field);
        for (const dsl::ExpressionPtr& argument : e.arguments) targets_in(*argument);
    }

    /// The field that a name refers to, also as `data.image` and through entries of `let`.
    const dsl::DataField* field_of(const Expression& e) const {
        if (e.kind != Expression::Kind::kName && e.kind != Expression::Kind::kMember)
            return nullptr;
        if (e.kind == Expression::Kind::kMember && e.arguments[0]->text != "data") return nullptr;
        if (const Expression* value = let_entry(e); value != &e) return field_of(*value);
        for (const dsl::DataField& field : spec_.data)
            if (field.name == e.text) return &field;
        return nullptr;
    }

    /// The entry of `let` that a name refers to; any other expression itself.
    const Expression* let_entry(const Expression& e) const {
        if (e.kind != Expression::Kind::kName) return &e;
        for (const dsl::NamedExpression& entry : spec_.objective.let)
            if (entry.name == e.text) return entry.value.get();
        return &e;
    }

    void target(const Expression& call, const dsl::DataField& field) {
        if (!range_known(field) || (field.range_low >= 0 && field.range_high <= 1)) return;
        if (!reported_.insert(field.name).second) return;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, call.arguments[1]->span,
                     "`bce_with_logits` takes targets from 0 to 1, but `{}` spans [{}, {}]",
                     field.name, field.range_low, field.range_high)
            .note(field.span, fmt::format("`{}` is declared here", field.name))
            .help(
                "`range: [0, 1]` for the field, or a loss for other values (in the recipe `vae`: "
                "`likelihood: gaussian`)");
    }

    // ---- what networks give ----

    void outputs() {
        for (const dsl::FunctionSpec& function : spec_.objective.functions) {
            if (function.name != "sample" || function.results.empty()) continue;
            sample(*function.results.front().value, function.parameters);
            return;
        }
        for (const dsl::NetworkSpec& network : spec_.networks)
            if (network.role == "generator" || network.role == "decoder") ends_in(network);
    }

    void sample(const Expression& result, const std::vector<std::string>& parameters) {
        const bool bound =
            std::find(parameters.begin(), parameters.end(), result.text) != parameters.end();
        const Expression& e = bound ? result : *let_entry(result);
        if (e.kind != Expression::Kind::kCall) return;
        if (const dsl::NetworkSpec* network = network_named(e.text)) return ends_in(*network);
        if (e.arguments.size() != 1 || e.arguments[0]->kind != Expression::Kind::kCall) return;
        if (const dsl::NetworkSpec* network = network_named(e.arguments[0]->text))
            compare({range_of(e.text), e.span}, *network);
    }

    const dsl::NetworkSpec* network_named(const std::string& name) const {
        for (const dsl::NetworkSpec& network : spec_.networks)
            if (network.name == name) return &network;
        return nullptr;
    }

    void ends_in(const dsl::NetworkSpec& network) { compare(ending_of(network), network); }

    /// Compares the range of a network's last activation with the first field that has the shape of
    /// its output.
    void compare(const Ending& ending, const dsl::NetworkSpec& network) {
        const auto shape = output_shapes_.find(network.name);
        if (!ending.range || shape == output_shapes_.end()) return;
        const auto field = std::find_if(
            spec_.data.begin(), spec_.data.end(),
            [&](const dsl::DataField& f) { return range_known(f) && f.shape == shape->second; });
        if (field == spec_.data.end() || fits(*ending.range, *field)) return;
        const std::string gives =
            std::isfinite(ending.range->high)
                ? fmt::format("from {} to {}", ending.range->low, ending.range->high)
                : fmt::format("of at least {}", ending.range->low);
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, ending.span,
                     "`{}` gives values {}, but `{}`, which `{}` imitates, spans [{}, {}]",
                     ending.range->name, gives, field->name, network.name, field->range_low,
                     field->range_high)
            .note(field->span, fmt::format("`{}` is declared here", field->name))
            .help(remedy(*ending.range, *field));
    }

    static std::string remedy(const ActivationRange& range, const dsl::DataField& field) {
        if (std::isfinite(range.high))
            return fmt::format("`range: [{}, {}]` for `{}`, or another activation", range.low,
                               range.high, field.name);
        return "an activation that gives smaller values too, such as tanh, or none";
    }

    const dsl::ModelSpec& spec_;
    const std::map<std::string, ir::Shape>& output_shapes_;
    Diagnostics& diagnostics_;
    /// Fields that a warning was given for.
    std::set<std::string> reported_;
};

}  // namespace

void check_ranges(const dsl::ModelSpec& spec, const std::map<std::string, ir::Shape>& output_shapes,
                  Diagnostics& diagnostics) {
    RangeChecks(spec, output_shapes, diagnostics).run();
}

}  // namespace gmc::lower
