// Reads `repeat: {times: 8, layers: [...]}`. With weights of its own each time, the layers are read
// anew for each, as a block without parameters is. With shared weights they are read once.
#include <algorithm>

#include "dsl/networks/layers.h"

namespace gmc::dsl {

void LayerReader::read_repeat(const Written& written) {
    if (!written.value || !written.value->is_map()) {
        diagnostics_
            .error(DiagnosticKind::kWrongType, written.value ? written.value->span : written.span,
                   "`repeat` takes a map")
            .help("write `repeat: {times: 8, layers: [...]}`");
        return;
    }
    const Node& map = *written.value;
    const Values values =
        read_values(map, mapping("repeat").keys, "`repeat`", written.span, diagnostics_);
    const Entry* layers = map.find("layers");
    if (!values.ok || layers == nullptr ||
        !expect_list(*layers->value, "`layers` of `repeat`", layers->key_span, diagnostics_))
        return;
    if (layers->value->items.empty()) {
        diagnostics_.error(DiagnosticKind::kBadValue, layers->value->span,
                           "`repeat` has no layers");
        return;
    }
    Block block;
    block.name = "repeat";
    block.layers = layers->value;
    Use use;
    use.block = &block;
    use.span = written.span;
    use.name = values.text("name");
    if (const Entry* from = map.find("from"); from && !from->value->is_null()) {
        use.from = read_from(*from->value, "repeat");
        use.from_span = from->value->span;
    }
    inherit_from(use.from, use.from_span);
    use.prefix = use_prefix(use.name, block.name);
    const int64_t times = values.integer("times");
    if (values.flag("shared")) return read_shared(std::move(use), times, block);
    const std::string prefix = use.prefix, name = use.name;
    for (int64_t i = 0; i < times && !block.broken; ++i) {
        use.prefix = fmt::format("{}.{}", prefix, i);
        use.name = i + 1 == times ? name : "";
        use.first_layer = layers_.size();
        expand(use, {});
        use.from.clear();
        use.from_span = {};
    }
}

// Reads the layers once. What goes from one time to the next has the name `prefix.input` for them.
void LayerReader::read_shared(Use use, int64_t times, const Block& block) {
    LayerSpec layer;
    layer.kind = "repeat";
    layer.span = use.span;
    if (!uses_.empty()) layer.block_use = uses_.front().span;
    layer.from = use.from;
    layer.from_span = use.from_span;
    layer.values["times"] = times;
    layer.prefix = use.prefix;
    if (!use.name.empty()) {
        layer.name = uses_.empty() ? use.name : uses_.back().prefix + "." + use.name;
        names_.define(layer.name, layer.name, use.span, diagnostics_);
    }
    std::vector<LayerSpec> outside = std::move(layers_);
    layers_.clear();
    const auto names_outside = names_.names;
    use.from = {use.prefix + ".input"};
    use.from_span = use.span;
    use.first_layer = 0;
    uses_.push_back(std::move(use));
    for (const NodePtr& item : block.layers->items) read_layer(*item, "`repeat`");
    uses_.pop_back();
    // A layer inside has another value each time, so nothing outside can refer to it.
    for (auto& [name, named] : names_.names)
        if (names_outside.count(name) == 0) named.visible = false;
    layer.layers = std::move(layers_);
    layers_ = std::move(outside);
    layers_.push_back(std::move(layer));
}

}  // namespace gmc::dsl
