// Reads `networks:`, that is the inputs, layers and outputs of each.
#include <algorithm>
#include <set>

#include "dsl/reader.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// Reads one network and goes on after errors. Even a network with errors stays known by its name,
/// so that the objective that uses it can be checked.
class NetworkReader {
  public:
    NetworkReader(const Entry& entry, Blocks& blocks, const Callables& callables,
                  const std::vector<DataField>& data, Diagnostics& diagnostics)
        : entry_(entry),
          map_(*entry.value),
          what_(fmt::format("network `{}`", entry.key)),
          blocks_(blocks),
          data_(data),
          diagnostics_(diagnostics) {
        names_.callables = &callables;
        names_.data = &data;
    }

    NetworkSpec read() {
        out_.name = entry_.key;
        out_.span = entry_.key_span;
        const size_t errors = diagnostics_.count();
        check_name(entry_.key, "a network", entry_.key_span, diagnostics_);
        const Values values =
            read_values(map_, mapping("network").keys, what_, entry_.key_span, diagnostics_);
        out_.role = values.text("role");
        if (const Entry* inputs = value_of("inputs")) read_inputs(*inputs);
        if (const Entry* layers = value_of("layers")) read_trunk(*layers);
        if (const Entry* outputs = value_of("outputs")) read_outputs(*outputs);
        if (const Entry* weights = value_of("weights"))
            out_.weights = read_weights(*weights, what_, diagnostics_);
        // A key that is none may have been meant as `layers`.
        const bool said_nothing = map_.is_map() && !map_.find("layers") && !map_.find("outputs");
        if (said_nothing && diagnostics_.count() == errors)
            diagnostics_.error(DiagnosticKind::kMissingKey, entry_.key_span,
                               "{} has neither `layers` nor `outputs`", what_);
        out_.broken = diagnostics_.count() != errors;
        return std::move(out_);
    }

  private:
    /// The entry of `key` when it has a value. A key without one was reported by check_keys.
    const Entry* value_of(const char* key) const {
        const Entry* entry = map_.find(key);
        return entry && !entry->value->is_null() ? entry : nullptr;
    }

    /// Reads `inputs`; each becomes a name that `from` can refer to.
    void read_inputs(const Entry& inputs) {
        if (!expect_map(*inputs.value, fmt::format("`inputs` of {}", what_), inputs.key_span,
                        diagnostics_, "inputs have names: `inputs: {x: data.image}` or `{z: [8]}`"))
            return;
        for (const Entry& entry : inputs.value->entries) {
            NetworkInput input;
            input.name = entry.key;
            input.span = entry.key_span;
            check_name(entry.key, "an input", entry.key_span, diagnostics_);
            if (entry.value->is_scalar() || entry.value->is_map()) {
                read_like(*entry.value, input);
            } else if (auto shape =
                           read_shape(*entry.value, fmt::format("`{}`", entry.key), diagnostics_)) {
                input.shape = std::move(*shape);
                input.span = entry.value->span;
            }
            names_.define(input.name, input.name, entry.key_span, diagnostics_);
            out_.inputs.push_back(std::move(input));
        }
        if (out_.inputs.empty())
            diagnostics_
                .error(DiagnosticKind::kBadValue, inputs.key_span, "{} has no inputs", what_)
                .help(
                    "trained tensors without inputs stand under `parameters:`, beside `networks:`");
        if (out_.inputs.size() == 1) names_.only_input = out_.inputs[0].name;
    }

    /// Reads an input of the form `x: data.image`.
    void read_like(const Node& node, NetworkInput& input) {
        constexpr std::string_view kPrefix = "data.";
        std::vector<std::string> known;
        for (const DataField& field : data_) known.push_back(std::string(kPrefix) + field.name);
        input.like = node.text;
        input.span = node.span;
        if (node.failed || std::count(known.begin(), known.end(), node.text)) return;
        // Data without fields were reported.
        if (known.empty() && node.text.starts_with(kPrefix)) return;
        std::string meant = node.text;
        std::replace(meant.begin(), meant.end(), ':', '.');  // `data:image`
        Diagnostic& error = report_unknown(
            DiagnosticKind::kUnknownName, node.span,
            fmt::format("the input `{}` is a shape such as [128] or a field of the data, not {}",
                        input.name, describe(node)),
            meant, known, diagnostics_);
        if (const std::string sizes = sizes_in(node); !sizes.empty())
            error.help(fmt::format("write `[{}]`", sizes));
        else if (node.is_map() && node.entries.size() == 1 && node.entries[0].value->is_null())
            error.help(fmt::format("write `{}`, without braces", node.entries[0].key));
        else if (node.is_scalar() && !node.text.starts_with("data"))
            error.help(
                "what a network is applied to is said in the objective, as in `decoder(z)`; "
                "here stands its shape");
    }

    /// Reads `layers`, which all outputs share.
    void read_trunk(const Entry& layers) {
        if (!expect_list(*layers.value, fmt::format("`layers` of {}", what_), layers.key_span,
                         diagnostics_, "each layer starts with `- `"))
            return;
        out_.layers = LayerReader(names_, blocks_, diagnostics_).read(*layers.value, what_);
        if (!out_.layers.empty()) {
            names_.before = &out_.layers.back();
            check_first(out_.layers.front());
        } else if (layers.value->items.empty() && !map_.find("outputs")) {
            diagnostics_.error(DiagnosticKind::kBadValue, layers.value->span, "{} has no layers",
                               what_);
        }
    }

    /// Reports a first layer without `from` in a network of several inputs: nothing says which one
    /// it reads.
    void check_first(const LayerSpec& layer) {
        if (out_.inputs.size() < 2 || !layer.from.empty()) return;
        const LayerRow* row = find_layer(layer.kind);
        if (row && row->fewest_inputs != 1) return;  // that was said already, or it takes none
        diagnostics_
            .error(DiagnosticKind::kMissingKey, layer.span,
                   "{} has {} inputs, so its first layer needs `from`", what_, out_.inputs.size())
            .help("write `from: " + out_.inputs[0].name + "`");
    }

    /// Reads `outputs`; each is a branch that starts at the end of `layers`.
    void read_outputs(const Entry& outputs) {
        if (!expect_map(*outputs.value, fmt::format("`outputs` of {}", what_), outputs.key_span,
                        diagnostics_, "each output has layers: `outputs: {mean: {dense: 8}}`"))
            return;
        for (const Entry& entry : outputs.value->entries) {
            NetworkOutput output;
            output.name = entry.key;
            output.span = entry.key_span;
            check_name(entry.key, "an output", entry.key_span, diagnostics_);
            if (entry.value->is_null()) {
                diagnostics_.error(DiagnosticKind::kWrongType, entry.key_span,
                                   "the output `{}` has no layers; are the lines below it indented "
                                   "one level too little?",
                                   entry.key);
                continue;
            }
            std::set<std::string> before;
            for (const auto& [name, named] : names_.names) before.insert(name);
            output.layers = LayerReader(names_, blocks_, diagnostics_)
                                .read(*entry.value, fmt::format("output `{}`", entry.key));
            // Layers that lead to one output cannot be referred to from another.
            for (auto& [name, named] : names_.names)
                if (!before.count(name)) named.visible = false;
            if (out_.layers.empty() && !output.layers.empty()) check_first(output.layers.front());
            out_.outputs.push_back(std::move(output));
        }
        if (outputs.value->entries.empty())
            diagnostics_.error(DiagnosticKind::kBadValue, outputs.key_span,
                               "`outputs` of {} is empty", what_);
    }

    const Entry& entry_;
    const Node& map_;
    const std::string what_;
    Blocks& blocks_;
    const std::vector<DataField>& data_;
    Diagnostics& diagnostics_;
    LayerNames names_;
    NetworkSpec out_;
};

}  // namespace

std::vector<NetworkSpec> read_networks(const Entry& networks, Blocks& blocks,
                                       const Callables& callables,
                                       const std::vector<DataField>& data,
                                       Diagnostics& diagnostics) {
    std::vector<NetworkSpec> out;
    if (!expect_map(*networks.value, "`networks`", networks.key_span, diagnostics)) return out;
    for (const Entry& entry : networks.value->entries)
        out.push_back(NetworkReader(entry, blocks, callables, data, diagnostics).read());
    if (out.empty())
        diagnostics.error(DiagnosticKind::kBadValue, networks.key_span,
                          "the model has no networks");
    return out;
}

}  // namespace gmc::dsl
