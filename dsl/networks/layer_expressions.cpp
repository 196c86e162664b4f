// Reads layers that compute: `- expression: x * gamma`, and uses of functions, definitions and
// networks as layers: `- clamp: {low: 0, high: 1}`, `- matmul: [a, b]`, `- encoder: {from: x}`. All
// of them become an expression layer, of which dsl/lower knows how to evaluate the expression.
#include <algorithm>
#include <set>

#include "dsl/networks/layers.h"
#include "dsl/reader.h"
#include "dsl/schema/functions.h"

namespace gmc::dsl {
namespace {

/// The name that stands for what the layer is applied to.
constexpr const char* kPrevious = "previous";

/// The layer that is a loop.
constexpr const char* kLoopLayer = "loop";

/// "clamp(x, low, high)" -> {"x", "low", "high"}.
std::vector<std::string> parameters_of(std::string_view signature) {
    std::vector<std::string> out;
    const size_t open = signature.find('('), close = signature.find(')');
    if (open == std::string_view::npos || close == std::string_view::npos) return out;
    std::string name;
    for (const char c : signature.substr(open + 1, close - open)) {
        if (c != ',' && c != ')') {
            if (c != ' ') name += c;
            continue;
        }
        if (!name.empty()) out.push_back(std::move(name));
        name.clear();
    }
    return out;
}

/// Functions of numbers, networks or of the objective as a whole are no layers.
bool takes_tensors(std::string_view function) {
    constexpr std::string_view kNone[] = {"averaged", "cosine",  "every", "grad",   "index",
                                          "linear",   "size_of", "steps", "warm_up"};
    return std::find(std::begin(kNone), std::end(kNone), function) == std::end(kNone);
}

std::vector<std::string> keys_of(const Node& map, const char* key) {
    std::vector<std::string> out;
    const Entry* entry = map.is_map() ? map.find(key) : nullptr;
    if (entry != nullptr && entry->value->is_map())
        for (const Entry& one : entry->value->entries) out.push_back(one.key);
    return out;
}

const Node* section(const Node& model, const char* key) {
    const Entry* entry = model.find(key);
    return entry != nullptr && entry->value->is_map() ? entry->value.get() : nullptr;
}

}  // namespace

std::vector<std::string> function_layers() {
    std::vector<std::string> out;
    for (const FunctionRow& row : function_table())
        if (takes_tensors(row.name)) out.emplace_back(row.name);
    return out;
}

Callables find_callables(const Node& model) {
    Callables out;
    if (const Node* networks = section(model, "networks"))
        for (const Entry& entry : networks->entries)
            out[entry.key] = {
                keys_of(*entry.value, "inputs"), {}, keys_of(*entry.value, "outputs")};
    if (const Node* definitions = section(model, "define"))
        for (const Entry& entry : definitions->entries)
            out[entry.key.substr(0, entry.key.find('('))] = {parameters_of(entry.key), {}, {}};
    return out;
}

std::optional<Callable> LayerReader::find_callable(const std::string& kind) const {
    if (names_.callables != nullptr)
        if (const auto found = names_.callables->find(kind); found != names_.callables->end())
            return found->second;
    const FunctionRow* row = find_function(kind);
    if (row == nullptr || !takes_tensors(kind)) return std::nullopt;
    return Callable{parameters_of(row->usage), split_words(row->named), {}};
}

// A call keeps its layer even after an error, so that layers that refer to it are not reported too.
void LayerReader::read_call(const Callable& callable, const Written& written) {
    ++names_.layer_count;
    LayerSpec layer;
    layer.kind = kExpressionLayer;
    layer.callee = written.kind;
    layer.span = written.span;
    if (!uses_.empty()) layer.block_use = uses_.front().span;
    Expression call{Expression::Kind::kCall, 0, written.kind, {}, {}, written.span};
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = written.span;
    if (written.value && written.value->is_map()) {
        map = *written.value;
    } else if (written.value) {
        // `- top_k: 3` gives the second argument of a function, `- add: [a, b]` its inputs.
        const bool number = written.value->is_scalar() && callable.parameters.size() > 1 &&
                            find_function(written.kind) != nullptr;
        map.entries.push_back(
            {number ? callable.parameters[1] : "from", written.span, written.value});
    }
    if (read_call_keys(callable, map, layer, call)) {
        layer.expressions[std::string(kExpressionLayer)] =
            std::make_shared<const Expression>(std::move(call));
        layer.value_spans[std::string(kExpressionLayer)] = written.span;
    }
    for (const std::string& output : callable.outputs)
        if (!layer.name.empty())
            names_.define(layer.name + "." + output, layer.name + "." + output, written.span,
                          diagnostics_);
    layers_.push_back(std::move(layer));
}

// The inputs of `from` come first, then the arguments that keys name.
bool LayerReader::read_call_keys(const Callable& callable, const Node& keys, LayerSpec& layer,
                                 Expression& call) {
    const size_t errors = diagnostics_.count();
    const auto add = [&](ExpressionPtr value, const std::string& name) {
        call.arguments.push_back(std::move(value));
        call.argument_names.push_back(name);
    };
    std::vector<std::string> known = callable.parameters;
    known.insert(known.end(), callable.named.begin(), callable.named.end());
    for (const char* key : {"from", "name"}) known.emplace_back(key);
    for (const Entry& entry : keys.entries)
        if (!std::count(known.begin(), known.end(), entry.key))
            report_unknown(DiagnosticKind::kUnknownKey, entry.key_span,
                           fmt::format("`{}` has no argument `{}`", call.text, entry.key),
                           entry.key, known, diagnostics_);
    const Entry* from = keys.find("from");
    if (from != nullptr) {
        layer.from_span = from->value->span;
        for (const std::string& name : read_from(*from->value, call.text)) {
            layer.from.push_back(name);
            layer.arguments.push_back(name);
            add(name_expression(name, from->value->span), "");
        }
    } else if (callable.parameters.empty() || !keys.find(callable.parameters[0])) {
        layer.from.push_back(default_input(layer.span));
        layer.arguments.emplace_back(kPrevious);
        add(name_expression(kPrevious, layer.span), "");
    }
    bool ended = false;
    for (size_t i = 0; i < known.size() - 2; ++i) {
        const bool named = i >= callable.parameters.size();
        const Entry* entry = keys.find(known[i]);
        ended |= !named && i >= call.arguments.size() && entry == nullptr;
        if (entry == nullptr) continue;
        if (!named && i < call.arguments.size())
            diagnostics_.error(DiagnosticKind::kDuplicateKey, entry->key_span,
                               "`from` gives `{}` of `{}` already", known[i], call.text);
        else if (!named && ended)
            diagnostics_.error(DiagnosticKind::kMissingKey, entry->key_span,
                               "`{}` is given, but `{}` before it is not", known[i],
                               known[call.arguments.size()]);
        else if (auto value = read_expression(*entry->value, fmt::format("`{}`", known[i]),
                                              diagnostics_, true))
            add(bind_names(value, "", layer, {}), named ? known[i] : "");
    }
    if (const Entry* name = keys.find("name");
        name && check_name(name->value->text, "`name`", name->value->span, diagnostics_)) {
        layer.name = (uses_.empty() ? "" : uses_.back().prefix + ".") + name->value->text;
        names_.define(layer.name, layer.name, name->value->span, diagnostics_);
    }
    return diagnostics_.count() == errors;
}

// The names that an expression layer uses become its inputs.
void LayerReader::bind_expression(LayerSpec& layer) {
    const auto found = layer.expressions.find(std::string(kExpressionLayer));
    const std::vector<std::string> given = std::move(layer.from);
    layer.from.clear();
    if (found == layer.expressions.end()) return;
    const std::string previous = given.empty() ? "" : given.front();
    found->second = bind_names(found->second, previous, layer, {});
}

// Makes inputs of the layer from all names of layers and inputs in the expression. `previous` is
// the layer that the name `previous` stands for; "": the layer before, or what the block is applied
// to. `hidden` are names that a loop around the expression gives its own values.
ExpressionPtr LayerReader::bind_names(const ExpressionPtr& expression, const std::string& previous,
                                      LayerSpec& layer, const std::set<std::string>& hidden) {
    const Expression& e = *expression;
    if (e.kind == Expression::Kind::kName && hidden.count(e.text) != 0) return expression;
    const bool member =
        e.kind == Expression::Kind::kMember && e.arguments[0]->kind == Expression::Kind::kName;
    const auto take = [&](const std::string& name, const std::string& from) {
        if (!std::count(layer.arguments.begin(), layer.arguments.end(), name)) {
            layer.from.push_back(from);
            layer.arguments.push_back(name);
        }
        return name_expression(name, e.span);
    };
    if (e.kind == Expression::Kind::kName || member) {
        const std::string written = member ? e.arguments[0]->text + "." + e.text : e.text;
        if (written == kPrevious)
            return take(kPrevious, previous.empty() ? default_input(e.span) : previous);
        if (const std::string name = find_name(written, e.span); !name.empty())
            return take(name, name);
    }
    Expression copy = e;
    for (size_t i = 0; i < copy.arguments.size(); ++i) {
        std::set<std::string> inside = names_bound(e, i);
        inside.insert(hidden.begin(), hidden.end());
        copy.arguments[i] = bind_names(copy.arguments[i], previous, layer, inside);
    }
    return std::make_shared<const Expression>(std::move(copy));
}

// `- loop: {name: h, start: zeros(64), over: {a: given}, next: tanh(a + matmul(h, w))}` is an
// expression layer with a loop as its expression. The carried value has the layer's name.
void LayerReader::read_loop_layer(const Written& written) {
    ++names_.layer_count;
    LayerSpec layer;
    layer.kind = kExpressionLayer;
    layer.callee = kLoopLayer;
    layer.span = written.span;
    if (!uses_.empty()) layer.block_use = uses_.front().span;
    layers_.push_back(layer);  // stays after an error, so that layers that name it are not reported
    if (!written.value || !written.value->is_map()) {
        diagnostics_
            .error(DiagnosticKind::kWrongType, written.value ? written.value->span : written.span,
                   "`loop` takes a map")
            .help(
                "for example `loop: {name: h, start: zeros(64), over: {a: given}, next: tanh(a + "
                "matmul(h, w))}`");
        return;
    }
    Node map = *written.value;
    std::string own = kLoopLayer;
    const Entry *name = map.find("name"), *start = map.find("start");
    if (name != nullptr) {
        if (!check_name(name->value->text, "`name`", name->value->span, diagnostics_)) return;
        own = name->value->text;
        layer.name = (uses_.empty() ? "" : uses_.back().prefix + ".") + own;
    } else if (start == nullptr || !start->value->is_map()) {
        diagnostics_
            .error(DiagnosticKind::kMissingKey, written.span,
                   "the layer `loop` has no `name`, which is that of the value that passes change")
            .help("or `start: {h: ...}` and `next: {h: ...}` give it names");
        return;
    }
    std::erase_if(map.entries, [](const Entry& entry) { return entry.key == "name"; });
    ExpressionPtr loop = read_loop(map, own, written.span, diagnostics_);
    if (loop) {
        loop = bind_names(loop, "", layer, {});
        layer.expressions[std::string(kExpressionLayer)] = loop;
        layer.value_spans[std::string(kExpressionLayer)] = written.span;
    }
    if (!layer.name.empty()) names_.define(layer.name, layer.name, written.span, diagnostics_);
    if (loop && loop->loop->has_names && !layer.name.empty())
        for (const LoopPart& part : loop->loop->parts)
            if (part.kind == LoopPart::Kind::kStart)
                names_.define(layer.name + "." + part.name, layer.name + "." + part.name, part.span,
                              diagnostics_);
    layers_.back() = std::move(layer);
}

// The input of a layer without `from`; "": the layer before. The first layer of a block takes what
// the block is applied to.
std::string LayerReader::default_input(Span where) {
    if (!uses_.empty() && layers_.size() == uses_.back().first_layer && !uses_.back().from.empty())
        return uses_.back().from.front();
    if (layers_.empty() && names_.before == nullptr && names_.only_input.empty() && !names_.unknown)
        diagnostics_.error(DiagnosticKind::kMissingKey, where,
                           "the network has several inputs, so its first layer needs `from`");
    return "";
}

}  // namespace gmc::dsl
