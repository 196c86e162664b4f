// Reads `weights` of a network. What is in the file is checked by dsl/lower, which knows shapes.
#include <algorithm>
#include <filesystem>

#include "dsl/data/data_paths.h"
#include "dsl/reader.h"
#include "dsl/text/lexer.h"

namespace gmc::dsl {
namespace {

/// A path as gmrun will open it. A file beside the model comes first, so that it is found wherever
/// gmc is called; else the path is relative to the working directory, where runs lie.
std::string found_path(const std::string& written, const std::string& model) {
    namespace fs = std::filesystem;
    const std::string path = with_home(written);
    std::error_code error;
    const fs::path beside = (fs::path(model).parent_path() / path).lexically_normal();
    return fs::path(path).is_relative() && fs::exists(beside, error) ? beside.string() : path;
}

/// `map: {conv2d: features.0}` as "conv2d=features.0".
std::vector<std::string> read_map(const Entry& map, const std::string& what,
                                  Diagnostics& diagnostics) {
    std::vector<std::string> out;
    const std::string help = "name here: name in the file, as in `map: {conv2d: features.0}`";
    if (!expect_map(*map.value, "`map` of " + what, map.key_span, diagnostics, help)) return out;
    for (const Entry& entry : map.value->entries) {
        const Node& theirs = *entry.value;
        const bool names = theirs.is_scalar() && !theirs.text.empty() && !entry.key.empty() &&
                           (entry.key + theirs.text).find('=') == std::string::npos;
        if (names)
            out.push_back(entry.key + "=" + theirs.text);
        else if (!theirs.failed)
            diagnostics
                .error(DiagnosticKind::kWrongType, theirs.span,
                       "`{}` is a name in the file, not {}", entry.key, describe(theirs))
                .help(help);
    }
    return out;
}

/// What `weights` is not for.
constexpr const char* kSharing =
    "weights of a network of this model are shared by calling that network itself, as often as "
    "wanted, also as a layer `- NAME` of others";

}  // namespace

WeightsSpec read_weights(const Entry& weights, const std::string& what, Diagnostics& diagnostics) {
    WeightsSpec out;
    out.span = weights.key_span;
    const std::string own = "`weights` of " + what;
    if (weights.value->is_scalar() && is_name(weights.value->text)) {
        diagnostics
            .error(DiagnosticKind::kWrongType, weights.value->span,
                   "{} is a map, as in `{{from: runs/NAME}}`, not `{}`", own, weights.value->text)
            .help(kSharing);
        return out;
    }
    const Values values =
        read_values(*weights.value, mapping("weights").keys, own, weights.key_span, diagnostics);
    if (!weights.value->is_map()) return out;
    const auto span_of = [&](const char* key) {
        const auto found = values.spans.find(key);
        return found == values.spans.end() ? weights.key_span : found->second;
    };
    out.from_span = span_of("from");
    out.network_span = span_of("network");
    out.network = values.text("network");
    out.layout = values.text("layout");
    out.frozen = values.flag("frozen");
    if (const Entry* layers = weights.value->find("frozen_layers"); layers && values.ok)
        for (PlacedName& layer : read_names(*layers->value, "`frozen_layers`", diagnostics)) {
            out.frozen_layers.push_back(std::move(layer.name));
            out.frozen_layer_spans.push_back(layer.span);
        }
    if (values.has("from") && out.from_span.known())
        out.from =
            found_path(values.text("from"), diagnostics.sources().file(out.from_span.file).path());
    const Entry* map = weights.value->find("map");
    if (map && !map->value->is_null()) out.map = read_map(*map, what, diagnostics);
    out.map_span = map ? map->key_span : weights.key_span;
    if (!values.ok || values.has("from")) return out;
    for (const char* key : {"network", "map", "layout"})
        if (const Entry* given = weights.value->find(key)) {
            diagnostics
                .error(DiagnosticKind::kMissingKey, given->key_span,
                       "{} says `{}`, but not which file: `from` is missing", own, key)
                .help("write `from: runs/NAME`, or the path of a safetensors file");
            return out;
        }
    return out;
}

/// Warns about frozen networks that an entry lists, where the model's author wrote the list: they
/// were hardly meant to stay as they are. A recipe lists all networks that there may be.
static void warn_of_frozen(const MinimizeSpec& entry, const std::vector<size_t>& frozen,
                           Diagnostics& diagnostics) {
    for (const size_t i : frozen) {
        const Span span = i < entry.network_spans.size() ? entry.network_spans[i] : entry.span;
        if (!span.known() || diagnostics.sources().file(span.file).used_at().known()) continue;
        diagnostics
            .warning(DiagnosticKind::kNotTrained, span,
                     "`{}` is frozen, so this entry does not train it", entry.networks[i])
            .help("leave it out of `networks`, or remove `frozen: true`");
    }
}

void leave_out_frozen(ModelSpec& model, Diagnostics& diagnostics) {
    const auto is_frozen = [&](const std::string& name) {
        return std::any_of(model.networks.begin(), model.networks.end(),
                           [&](const NetworkSpec& n) { return n.name == name && n.is_frozen(); });
    };
    for (MinimizeSpec& entry : model.objective.minimize) {
        std::vector<std::string> networks;
        std::vector<Span> spans;
        std::vector<size_t> frozen;
        for (size_t i = 0; i < entry.networks.size(); ++i) {
            if (is_frozen(entry.networks[i])) {
                frozen.push_back(i);
                continue;
            }
            networks.push_back(entry.networks[i]);
            if (i < entry.network_spans.size()) spans.push_back(entry.network_spans[i]);
        }
        if (networks.empty() && !entry.networks.empty())
            diagnostics
                .error(DiagnosticKind::kLossNotInfluenced,
                       entry.network_spans.empty() ? entry.span : entry.network_spans.front(),
                       "every network of this entry is frozen, so there is nothing to train: {}",
                       quoted_list(entry.networks))
                .help("leave the entry out, or `frozen: true` of one of them");
        else
            warn_of_frozen(entry, frozen, diagnostics);
        entry.networks = std::move(networks);
        entry.network_spans = std::move(spans);
    }
}

}  // namespace gmc::dsl
