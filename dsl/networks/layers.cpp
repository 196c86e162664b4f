// Reads layers: `- flatten`, `- dense: 10`, `- dense: {units: 10, name: d}`. Every kind of layer
// goes through the same code; what differs is its row in the schema.
#include "dsl/networks/layers.h"

#include <algorithm>

#include "dsl/reader.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// Per network, after blocks are expanded: blocks that use blocks multiply, so a short file could
/// otherwise ask for more layers than memory holds. Networks that people write have hundreds.
constexpr size_t kMostLayers = 10'000;

/// True when `from` has an error that was reported already.
bool has_failed_from(const Node& keys) {
    const Entry* from = keys.find("from");
    if (!from) return false;
    const Node& names = *from->value;
    return names.failed || std::any_of(names.items.begin(), names.items.end(),
                                       [](const NodePtr& item) { return item->failed; });
}

}  // namespace

NodePtr flatten_initializer(const std::vector<KeyRow>& rows, const NodePtr& keys,
                            Diagnostics& diagnostics) {
    const Entry* entry = keys->find("initializer");
    if (!entry || !entry->value->is_map() || !find_key(rows, "initializer")) return keys;
    const Node& map = *entry->value;
    const Node* inner = map.entries.size() == 1 ? map.entries[0].value.get() : nullptr;
    const Entry* stddev = inner && map.entries[0].key == "normal" ? inner->find("stddev") : nullptr;
    Node word;
    word.kind = Node::Kind::kScalar;
    word.text = "normal";
    word.span = map.span;
    const NodePtr flat =
        with_entry(*keys, {"initializer", entry->key_span, std::make_shared<const Node>(word)});
    if (!stddev || inner->entries.size() != 1) {
        diagnostics.error(
            DiagnosticKind::kWrongType, map.span,
            "an initializer with keys is `normal: {{stddev: 0.02}}`, the others are words");
        return flat;
    }
    return with_entry(*flat, {"initializer_stddev", stddev->key_span, stddev->value});
}

void LayerNames::define(const std::string& name, const std::string& layer, Span span,
                        Diagnostics& diagnostics) {
    const auto [at, added] = names.insert({name, {layer, span, true}});
    if (added) return;
    diagnostics
        .error(DiagnosticKind::kDuplicateKey, span, "the name `{}` is taken in this network", name)
        .note(at->second.span, fmt::format("`{}` is here", name));
}

std::string LayerNames::unique(const std::string& wish) const {
    std::string name = wish;
    for (int i = 2; names.count(name); ++i) name = fmt::format("{}_{}", wish, i);
    return name;
}

namespace {

/// `[dense, 64]` are two layers. `[dropout: 0,2]` is the layer `dropout: 0` and, behind the comma,
/// the layer `2`.
void decimal_comma(const Node* before, const std::string& layer, Diagnostic& error) {
    if (before && before->is_scalar() && parse_number(layer) && find_layer(before->text))
        error.help(fmt::format("a value stands behind a colon: `{}: {}`", before->text, layer));
    if (!before || !before->is_map() || before->entries.size() != 1 || !parse_integer(layer))
        return;
    const Entry& cut = before->entries.front();
    if (cut.value->is_scalar() && parse_integer(cut.value->text))
        error.help(fmt::format("the decimal mark is a point: `{}: {}.{}`", cut.key, cut.value->text,
                               layer));
}

}  // namespace

std::vector<LayerSpec> LayerReader::read(const Node& node, const std::string& what) {
    if (node.is_list()) {
        before_ = nullptr;
        for (const NodePtr& item : node.items) {
            read_layer(*item, what);
            before_ = item.get();
        }
    } else if (node.is_map() || (node.is_scalar() && !node.quoted)) {
        // A single layer needs no list around it; outputs of an encoder usually are one layer.
        read_layer(node, what);
    } else {
        expect_list(node, what, node.span, diagnostics_);
    }
    return std::move(layers_);
}

// Reads one element of a list: a layer of the table, a block, or what can be called. The table
// comes first, so a block can never change what a layer means.
void LayerReader::read_layer(const Node& node, const std::string& what) {
    Written written;
    if (!split(node, what, written)) return;
    const auto block = blocks_.find(written.kind);
    if (written.kind == "repeat") {
        read_repeat(written);
    } else if (written.kind == "loop") {
        read_loop_layer(written);
    } else if (const LayerRow* row = find_layer(written.kind)) {
        read_kind(*row, written);
    } else if (block != blocks_.end()) {
        read_use(block->second, written);
    } else if (const auto callable = find_callable(written.kind)) {
        read_call(*callable, written);
    } else {
        std::vector<std::string> known;
        for (const LayerRow& layer : layer_table()) known.emplace_back(layer.kind);
        for (const auto& [name, unused] : blocks_) known.push_back(name);
        for (const char* kind : {"repeat", "loop"}) known.emplace_back(kind);
        for (std::string& name : function_layers()) known.push_back(std::move(name));
        if (names_.callables != nullptr)
            for (const auto& [name, unused] : *names_.callables) known.push_back(name);
        Diagnostic& error = report_unknown(DiagnosticKind::kUnknownLayer, written.span,
                                           fmt::format("there is no layer `{}`", written.kind),
                                           written.kind, known, diagnostics_);
        decimal_comma(before_, written.kind, error);
    }
}

// Splits `kind`, `kind: value` or `kind: {keys}` into the kind and its value. Two keys in one
// element are usually a mistake of indentation, so the message shows what was probably meant.
bool LayerReader::split(const Node& node, const std::string& what, Written& out) {
    if (node.failed) return false;
    if (node.is_scalar()) {
        out = {node.text, node.span, nullptr};
        return true;
    }
    if (node.is_map() && node.entries.size() == 1) {
        out = {node.entries[0].key, node.entries[0].key_span, node.entries[0].value};
        return true;
    }
    if (!node.is_map() || node.entries.empty()) {
        diagnostics_.error(DiagnosticKind::kWrongType, node.span,
                           "a layer of {} is a word or a map, not {}", what,
                           node.is_map() ? "an empty one" : describe(node));
        return false;
    }
    const std::string &first = node.entries[0].key, &second = node.entries[1].key;
    Diagnostic& error = diagnostics_.error(
        DiagnosticKind::kWrongType, node.entries[1].key_span,
        "a layer is one key, its kind; `{}` is a second one beside `{}`", second, first);
    // Two keys as of `- dense: 10` with `activation: relu` below it: the 10 belongs to the main
    // key.
    const LayerRow* row = find_layer(first);
    const bool has_main = row && *row->main_key && node.entries[0].value->is_scalar();
    const std::string main =
        has_main ? fmt::format("{}: {}, ", row->main_key, node.entries[0].value->text) : "";
    if (find_layer(second))
        error.help("each layer of a list starts with `- `");
    else
        error.help(
            fmt::format("write `{}: {{{}{}: {}}}`", first, main, second,
                        node.entries[1].value->is_scalar() ? node.entries[1].value->text : "..."));
    return false;
}

// A layer is kept even after an error in it. Otherwise layers that refer to it would be reported
// too.
void LayerReader::read_kind(const LayerRow& row, const Written& written) {
    if (++names_.layer_count > kMostLayers) {
        if (names_.layer_count == kMostLayers + 1)
            diagnostics_.error(DiagnosticKind::kTooLarge, written.span,
                               "a network has more than {} layers", format_number(kMostLayers));
        return;
    }
    LayerSpec layer;
    layer.kind = row.kind;
    layer.span = written.span;
    if (!uses_.empty()) layer.block_use = uses_.front().span;
    const size_t errors = diagnostics_.count();
    const NodePtr keys = keys_of(row, written);
    if (keys) read_keys(row, keys, layer);
    if (row.kind == kExpressionLayer) bind_expression(layer);
    if (row.kind != kExpressionLayer) inherit_from(layer.from, layer.from_span);
    const bool unknown_inputs = (keys && has_failed_from(*keys)) ||
                                (names_.unknown && layers_.empty() && !layer.from_span.known());
    if (diagnostics_.count() == errors && !unknown_inputs) check_inputs(row, layer);
    layers_.push_back(std::move(layer));
}

/// How a layer of this kind is written with as little as it needs.
std::string LayerReader::layer_example(const LayerRow& row) {
    std::string needed;
    for (const KeyRow& key : row.keys)
        if (key.required()) needed += fmt::format("{}{}: ...", needed.empty() ? "" : ", ", key.key);
    if (needed.empty()) return fmt::format("a layer without keys is written `- {}`", row.kind);
    return fmt::format("write `- {}: {{{}}}`", row.kind, needed);
}

// Makes one map of keys of `- flatten`, `- dense: 10` and `- dense: {units: 10}`; null after an
// error.
NodePtr LayerReader::keys_of(const LayerRow& row, const Written& written) {
    if (written.value && written.value->is_map()) return written.value;
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = written.span;
    if (!written.value) return std::make_shared<const Node>(map);
    if (written.value->is_null()) {
        diagnostics_
            .error(DiagnosticKind::kWrongType, written.span,
                   "`{}` has no value; are its keys indented one level too little?", row.kind)
            .help(layer_example(row));
        return nullptr;
    }
    if (!*row.main_key && written.value->failed) return nullptr;
    if (!*row.main_key) {
        diagnostics_
            .error(DiagnosticKind::kWrongType, written.value->span,
                   "`{}` takes a map of keys, not {}", row.kind, describe(*written.value))
            .help("keys of it are " + quoted_list(key_names(row.keys)))
            .help(layer_example(row));
        return nullptr;
    }
    map.entries.push_back({row.main_key, written.span, written.value});
    return std::make_shared<const Node>(map);
}

// Reads the keys of a layer. Types, defaults and ranges come from the row; only names are left,
// since what they mean depends on the place.
void LayerReader::read_keys(const LayerRow& row, const NodePtr& written_keys, LayerSpec& layer) {
    const NodePtr keys = flatten_initializer(row.keys, written_keys, diagnostics_);
    Values values =
        read_values(*keys, row.keys, fmt::format("`{}`", row.kind), layer.span, diagnostics_);
    layer.name = values.text("name");
    values.values.erase("name");
    layer.value_spans = std::move(values.spans);
    layer.values = std::move(values.values);
    read_expressions(row, *keys, layer);
    check_normalised(layer);
    const Entry* from = keys->find("from");
    if (from && !from->value->is_null()) {
        layer.from = read_from(*from->value, row.kind);
        layer.from_span = from->value->span;
    }
    if (layer.name.empty()) return;
    // Names inside a block belong to one use of it: r1.conv, r2.conv.
    if (!uses_.empty()) layer.name = uses_.back().prefix + "." + layer.name;
    names_.define(layer.name, layer.name, layer.span_of("name"), diagnostics_);
    define_results(row, layer, layer.span_of("name"));
}

// Reads the keys that take expressions. A plain number is checked against the range now; the values
// of any other expression are known only in training. A layer that is an expression has its number
// as one.
void LayerReader::read_expressions(const LayerRow& row, const Node& keys, LayerSpec& layer) {
    for (KeyRow key : row.keys) {
        const Entry* entry = keys.find(key.key);
        if (key.type != KeyType::kExpression || !entry || entry->value->is_null()) continue;
        layer.value_spans[key.key] = entry->value->span;
        key.type = KeyType::kNumber;
        const bool is_number = key.key != kExpressionLayer && entry->value->is_scalar() &&
                               parse_number(entry->value->text);
        if (is_number) {
            if (auto number = read_value(*entry->value, key, diagnostics_))
                layer.values[key.key] = std::move(*number);
        } else if (auto expression =
                       read_expression(*entry->value, fmt::format("`{}`", key.key), diagnostics_)) {
            layer.expressions[key.key] = std::move(expression);
        }
    }
}

// Reports `spectral_norm` on weights that start as zeros. Their singular value is 0, so every
// result would be 0 / 0, and no training step could change that.
void LayerReader::check_normalised(const LayerSpec& layer) {
    if (!layer.has("spectral_norm") || !layer.flag("spectral_norm")) return;
    if (!layer.has("initializer") || layer.word("initializer") != "zeros") return;
    diagnostics_.error(DiagnosticKind::kBadValue, layer.span_of("initializer"),
                       "`spectral_norm` divides the weights by their largest singular value, which "
                       "is 0 where they start as zeros");
}

void LayerReader::define_results(const LayerRow& row, const LayerSpec& layer, Span span) {
    for (const std::string& result : split_words(row.results)) {
        const std::string name = layer.name + "." + result;
        names_.define(name, name, span, diagnostics_);
    }
}

// Checks the number of inputs. Most layers take one; `add` and its like need `from` to say which.
void LayerReader::check_inputs(const LayerRow& row, const LayerSpec& layer) {
    const auto count = static_cast<int>(layer.from.size());
    const bool given = layer.from_span.known();
    if (given ? count >= row.fewest_inputs && count <= row.most_inputs : row.fewest_inputs <= 1)
        return;
    std::string wanted = fmt::format("{} inputs", row.fewest_inputs);
    if (row.most_inputs == 1) wanted = "one input";
    if (row.most_inputs == kManyInputs) wanted = fmt::format("at least {}", wanted);
    if (given) {
        Diagnostic& error = diagnostics_.error(DiagnosticKind::kBadValue, layer.from_span,
                                               "`{}` takes {}, not {}", row.kind, wanted, count);
        if (count == 1 && row.most_inputs > 1)
            error.help(
                fmt::format("the layer before is no input of itself: give it a `name`, too, "
                            "and write `{}: [{}, NAME]`",
                            row.kind, layer.from.front()));
    } else {
        diagnostics_
            .error(DiagnosticKind::kMissingKey, layer.span,
                   "`{}` takes {}, so it needs the key `from`", row.kind, wanted)
            .help(fmt::format("write `{}: {{from: [a, b]}}` with names of layers or inputs",
                              row.kind));
    }
}

std::vector<std::string> LayerReader::read_from(const Node& node, const std::string& kind) {
    std::vector<std::string> out;
    for (const PlacedName& name :
         read_names(node, fmt::format("`from` of `{}`", kind), diagnostics_)) {
        const std::string found = resolve(name);
        if (!found.empty()) out.push_back(found);
    }
    return out;
}

// The spec's name for a name in `from`.
std::string LayerReader::resolve(const PlacedName& name) {
    if (const std::string found = find_name(name.name, name.span); !found.empty()) return found;
    if (!uses_.empty() && name.name == "input") return "";  // reported
    std::vector<std::string> known;
    for (const auto& [other, named] : names_.names)
        if (named.visible) known.push_back(other);
    Diagnostic& error =
        report_unknown(DiagnosticKind::kUnknownName, name.span,
                       fmt::format("no layer or input before this one is called `{}`", name.name),
                       name.name, known, diagnostics_);
    const bool is_field =
        names_.data && std::any_of(names_.data->begin(), names_.data->end(),
                                   [&](const DataField& field) { return field.name == name.name; });
    error.help(is_field ? fmt::format("add `{}: data.{}` to the `inputs` of the network", name.name,
                                      name.name)
                        : "a layer gets its name by `name: ...`");
    return "";
}

// The spec's name of a layer or input; "" when there is none. Inside a block, the block's own names
// hide those of the network around it.
std::string LayerReader::find_name(const std::string& name, Span where) {
    if (!uses_.empty()) {
        if (name == "input") return block_input(where);
        const auto inner = names_.names.find(uses_.back().prefix + "." + name);
        if (inner != names_.names.end()) return inner->second.layer;
    }
    const auto found = names_.names.find(name);
    if (found != names_.names.end() && found->second.visible) return found->second.layer;
    return names_.unknown ? name : "";
}

}  // namespace gmc::dsl
