// Reads tensors that stand outside of networks: `parameters:`, which training moves by gradients,
// and `state:`, which it replaces.
#include "dsl/reader.h"

namespace gmc::dsl {
namespace {

/// The keys of an entry as those of a layer `parameter`; nothing after an error. `map` gets the
/// keys as plain ones.
std::optional<LayerSpec> read_tensor(const Entry& entry, const char* mapping_name, NodePtr& map,
                                     Diagnostics& diagnostics) {
    const size_t errors = diagnostics.count();
    const std::string what = fmt::format("`{}`", entry.key);
    if (!expect_map(*entry.value, what, entry.key_span, diagnostics)) return std::nullopt;
    const std::vector<KeyRow>& rows = mapping(mapping_name).keys;
    map = flatten_initializer(rows, entry.value, diagnostics);
    // `shape: []` is what it is when it is left out.
    Node rest = *map;
    std::erase_if(rest.entries, [](const Entry& one) {
        return one.key == "shape" && one.value->is_list() && one.value->items.empty();
    });
    if (rest.entries.size() < map->entries.size())
        map = std::make_shared<const Node>(std::move(rest));
    Values values = read_values(*map, rows, what, entry.key_span, diagnostics);
    if (diagnostics.count() != errors) return std::nullopt;
    LayerSpec layer;
    layer.kind = kParameterLayer;
    layer.span = entry.key_span;
    layer.values = std::move(values.values);
    layer.value_spans = std::move(values.spans);
    return layer;
}

}  // namespace

// A parameter with errors keeps its name, so that its uses are not reported as well.
std::vector<NetworkSpec> read_parameters(const Entry& parameters, Diagnostics& diagnostics) {
    std::vector<NetworkSpec> out;
    if (!expect_map(*parameters.value, "`parameters`", parameters.key_span, diagnostics,
                    "for example `parameters: {position: {shape: [49, 32]}}`"))
        return out;
    for (const Entry& entry : parameters.value->entries) {
        NetworkSpec parameter;
        parameter.name = entry.key;
        parameter.span = entry.key_span;
        parameter.is_parameter = true;
        check_name(entry.key, "a parameter", entry.key_span, diagnostics);
        NodePtr map;
        if (auto layer = read_tensor(entry, "parameter", map, diagnostics))
            parameter.layers.push_back(std::move(*layer));
        parameter.broken = parameter.layers.empty();
        out.push_back(std::move(parameter));
    }
    return out;
}

std::vector<StateSpec> read_states(const Entry& states, Diagnostics& diagnostics) {
    std::vector<StateSpec> out;
    if (!expect_map(*states.value, "`state`", states.key_span, diagnostics,
                    "for example `state: {count: {update: count + 1}}`"))
        return out;
    for (const Entry& entry : states.value->entries) {
        StateSpec state;
        state.name = entry.key;
        state.span = entry.key_span;
        check_name(entry.key, "a state", entry.key_span, diagnostics);
        NodePtr map;
        if (auto tensor = read_tensor(entry, "state", map, diagnostics)) {
            state.per_example = tensor->flag("per_example");
            state.tensor = std::move(*tensor);
            state.update = read_expression(*map->find("update")->value, "`update`", diagnostics);
        }
        if (!state.update) state.update = number_expression(0, entry.key_span);
        out.push_back(std::move(state));
    }
    return out;
}

}  // namespace gmc::dsl
