// Checks layers that follow each other: activations of which the second can do nothing with what
// the first gives, and layers that no gradient reaches or that could be one.
#include <cmath>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

/// What a layer applies at its end; `name` is "none" where it applies nothing.
struct Activation {
    std::string name = "none";
    std::optional<Range> range;
    Span span;
};

Activation activation_of(const LayerSpec& layer) {
    const LayerRow* row = find_layer(layer.kind);
    if (layer.has("activation")) {
        const std::string& word = layer.word("activation");
        return {word, range_of(word), layer.span_of("activation")};
    }
    if (row && row->effect == LayerEffect::kActivates)
        return {layer.kind, range_of(layer.kind), layer.span};
    return {"none", std::nullopt, layer.span};
}

bool has_effect(const LayerSpec& layer, LayerEffect effect) {
    const LayerRow* row = find_layer(layer.kind);
    return row && row->effect == effect;
}

/// Goes through the layers of each network in order, with what stands in front of them.
class ChainChecks {
  public:
    ChainChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        for (const NetworkSpec& network : view_.spec().networks) {
            taken_.clear();
            for_each_layer(network, [&](const LayerSpec& layer) {
                taken_.insert(layer.from.begin(), layer.from.end());
            });
            const Chain end = chain(network.layers, {});
            for (const NetworkOutput& output : network.outputs) chain(output.layers, end);
        }
    }

  private:
    /// What a layer gets to see: `direct` is the layer in front of it; `activated` that, without
    /// those that only move values; `weighted` the last one with weights, if all behind it give 0
    /// for 0. Null where that is not known.
    struct Chain {
        const LayerSpec* direct = nullptr;
        const LayerSpec* activated = nullptr;
        const LayerSpec* weighted = nullptr;
    };

    Chain chain(const std::vector<LayerSpec>& layers, Chain before) {
        for (const LayerSpec& layer : layers) {
            if (!layer.from.empty()) before = {};
            chain(layer.layers, {});
            if (is_own(before.activated, layer)) activations(*before.activated, layer);
            if (is_own(before.direct, layer)) linear(*before.direct, layer);
            if (is_own(before.weighted, layer)) zeros(*before.weighted, layer);
            before.direct = &layer;
            if (!has_effect(layer, LayerEffect::kMoves)) before.activated = &layer;
            if (layer.has("initializer")) before.weighted = &layer;
            if (!keeps_zero(layer)) before.weighted = nullptr;
        }
        return before;
    }

    /// Whether zeros behind the layer's weights stay zeros.
    static bool keeps_zero(const LayerSpec& layer) {
        const std::string name = activation_of(layer).name;
        if (name == "sigmoid" || name == "softplus" || name == "softmax") return false;
        return layer.has("initializer") || layer.kind == "dropout" ||
               has_effect(layer, LayerEffect::kMoves) || has_effect(layer, LayerEffect::kActivates);
    }

    /// Whether there is a first layer, and the author wrote both: bases and blocks are for others,
    /// too.
    bool is_own(const LayerSpec* first, const LayerSpec& second) const {
        const auto own = [&](const LayerSpec& layer) {
            return !layer.block_use.known() &&
                   !diagnostics_.sources().file(layer.span.file).used_at().known();
        };
        return first && own(*first) && own(second);
    }

    bool is_new(const Span& place) { return places_.insert({place.line, place.column}).second; }

    /// `relu` in front of `sigmoid`, which takes logits; a `relu` behind what is positive anyway.
    void activations(const LayerSpec& first, const LayerSpec& second) {
        const Activation before = activation_of(first), after = activation_of(second);
        if (after.span != second.span || !before.range) return;  // a key: weights stand between
        const bool positive = before.range->low >= 0;
        const bool bounded = std::isfinite(before.range->low) && std::isfinite(before.range->high);
        if ((after.name == "sigmoid" || after.name == "softmax") && (positive || bounded)) {
            if (!is_new(before.span)) return;
            diagnostics_
                .warning(
                    DiagnosticKind::kLogitsExpected, before.span,
                    "`{}` takes logits, which have no bounds, but `{}` in front of it gives {}",
                    after.name, before.name,
                    std::isfinite(before.range->high)
                        ? fmt::format("{} to {} only", before.range->low, before.range->high)
                        : "nothing below 0")
                .note(second.span, "it stands here")
                .help(fmt::format("remove `{}`", before.name));
        }
        const bool cuts = after.name == "relu" || after.name == "leaky_relu" ||
                          after.name == "prelu" || after.name == "elu";
        if (!cuts || !positive || !is_new(after.span)) return;
        diagnostics_
            .warning(DiagnosticKind::kUnused, after.span,
                     "`{}` changes nothing here: `{}` in front of it gives nothing below 0",
                     after.name, before.name)
            .help("an activation stands behind a layer with weights, or a normalisation");
    }

    /// Two `dense` in a row. A narrow one in front of a wide one may be meant, as few weights.
    void linear(const LayerSpec& first, const LayerSpec& second) {
        if (first.kind != "dense" || second.kind != "dense") return;
        if (activation_of(first).name != "none" || taken_.count(first.name)) return;
        if (first.integer("units") < second.integer("units") || !is_new(first.span)) return;
        diagnostics_
            .warning(DiagnosticKind::kUnused, first.span,
                     "`dense` without an activation in front of another `dense`: both together can "
                     "do no more than the second alone")
            .note(second.span, "the second is here")
            .help("an activation stands between them: `activation: relu` in the first");
    }

    /// The gradient of each of two layers has the weights of the other as a factor.
    void zeros(const LayerSpec& first, const LayerSpec& second) {
        const auto begins_with_zeros = [](const LayerSpec& layer) {
            return layer.has("initializer") && layer.word("initializer") == "zeros";
        };
        if (!begins_with_zeros(first) || !begins_with_zeros(second)) return;
        const Span place = second.span_of("initializer");
        if (!is_new(place)) return;
        diagnostics_
            .warning(DiagnosticKind::kNotTrained, place,
                     "the weights of `{}` and of `{}` in front of it begin with zeros, so neither "
                     "gets a gradient, and they stay 0",
                     second.kind, first.kind)
            .note(first.span_of("initializer"), "the one in front is here")
            .help("only one of two such layers may begin with zeros");
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<std::string> taken_;  ///< names in `from` of the network's layers
    std::set<std::pair<uint32_t, uint32_t>> places_;
};

}  // namespace

void check_chains(const ModelView& view, Diagnostics& diagnostics) {
    ChainChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl
