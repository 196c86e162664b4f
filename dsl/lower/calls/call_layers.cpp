// Layers without weights as functions: `reshape(x, [7, 7, 16])`, `slice(x, axis=0, stop=1)`. The
// arguments become the keys of the layer, by the same rules and with the same errors.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/layers/layers.h"
#include "dsl/values.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using dsl::KeyRow;
using dsl::Node;
using dsl::NodePtr;

/// Whether values of this type are numbers, so that a name among them is that of a number.
bool takes_numbers(dsl::KeyType type) {
    using dsl::KeyType;
    return type == KeyType::kInteger || type == KeyType::kNumber || type == KeyType::kShape ||
           type == KeyType::kPerAxis || type == KeyType::kAxes;
}

/// The number that an argument is: written out, or computed from arguments of a definition. Sets
/// `failed` after an error in it.
std::optional<double> number_of(Evaluator& e, const Expression& argument, const KeyRow& row,
                                bool& failed) {
    if (const auto number = dsl::constant_value(argument)) return number;
    if (!takes_numbers(row.type)) return std::nullopt;
    const Evaluated value = e.tensor(argument);
    failed |= value.failed;
    return value.failed ? std::nullopt : value.number;
}

/// An argument as the value of a key, as if it stood in a file; null when it is no constant.
NodePtr node_of(Evaluator& e, const Expression& argument, const KeyRow& row, bool& failed) {
    Node node;
    node.span = argument.span;
    if (argument.kind == Expression::Kind::kList) {
        node.kind = Node::Kind::kList;
        for (const dsl::ExpressionPtr& element : argument.arguments)
            if (NodePtr item = node_of(e, *element, row, failed))
                node.items.push_back(std::move(item));
            else
                return nullptr;
        return std::make_shared<const Node>(std::move(node));
    }
    node.kind = Node::Kind::kScalar;
    if (const auto number = number_of(e, argument, row, failed))
        node.text = row.type == dsl::KeyType::kFlag ? (*number != 0 ? "true" : "false")
                                                    : fmt::format("{}", *number);
    else if (argument.kind == Expression::Kind::kName)
        node.text = argument.text;
    else
        return nullptr;
    return std::make_shared<const Node>(std::move(node));
}

/// The row of the key that argument i of a call stands for.
const KeyRow& key_of(const Expression& call, const dsl::LayerRow& row, size_t i) {
    const std::string& name = call.argument_names[i];
    return *dsl::find_key(row.keys, name.empty() ? row.main_key : name);
}

/// "[1, 2]", or "?" for null.
std::string text_of(const NodePtr& node) {
    if (!node) return "?";
    if (node->kind != Node::Kind::kList) return node->text;
    std::string out = "[";
    for (const NodePtr& item : node->items) out += text_of(item) + ", ";
    return out + "]";
}

/// The layer that a call means, with `nodes` as the arguments behind its inputs; nothing after an
/// error.
std::optional<dsl::LayerSpec> read_call(Evaluator& e, const Expression& call,
                                        const dsl::LayerRow& row, size_t inputs,
                                        std::vector<NodePtr> nodes) {
    dsl::LayerSpec layer;
    layer.kind = row.kind;
    layer.span = call.span;
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = call.span;
    for (size_t i = inputs; i < call.arguments.size(); ++i) {
        const KeyRow& key_row = key_of(call, row, i);
        const std::string key = key_row.key;
        NodePtr node = std::move(nodes[i - inputs]);
        if (key_row.type == dsl::KeyType::kExpression && !dsl::constant_value(*call.arguments[i])) {
            layer.expressions[key] = call.arguments[i];
            node = std::make_shared<const Node>();  // only that it is given
        }
        if (!node) {
            e.fail(DiagnosticKind::kBadExpression, call.arguments[i]->span,
                   fmt::format("`{}` of `{}` must be a constant", key, call.text));
            return std::nullopt;
        }
        map.entries.push_back({key, call.arguments[i]->span, node});
    }
    dsl::Values values = dsl::read_values(map, row.keys, fmt::format("`{}`", row.kind), call.span,
                                          e.scope().m.diagnostics);
    if (!values.ok) return std::nullopt;
    layer.values = std::move(values.values);
    layer.value_spans = std::move(values.spans);
    for (const dsl::Entry& entry : map.entries) {
        KeyRow key_row = *dsl::find_key(row.keys, entry.key);
        if (key_row.type != dsl::KeyType::kExpression || layer.expressions.count(entry.key))
            continue;
        key_row.type = dsl::KeyType::kNumber;
        const auto number = dsl::read_value(*entry.value, key_row, e.scope().m.diagnostics);
        if (!number) return std::nullopt;
        layer.values[entry.key] = *number;
    }
    return layer;
}

}  // namespace

Evaluated call_layer(Evaluator& e, const Expression& call) {
    const dsl::LayerRow& row = *dsl::find_layer_function(call.text);
    const size_t inputs = std::min(positional(call), static_cast<size_t>(row.most_inputs));
    Evaluated result;
    std::vector<Evaluated> operands;
    for (size_t i = 0; i < inputs; ++i) {
        operands.push_back(argument(e, call, i));
        if (operands.back().failed) return operands.back();
        result.batched |= operands.back().batched;
        result.networks.insert(operands.back().networks.begin(), operands.back().networks.end());
    }
    // A call in a definition is another layer with other arguments.
    std::vector<NodePtr> nodes;
    std::string key;
    for (size_t i = inputs; i < call.arguments.size(); ++i) {
        nodes.push_back(node_of(e, *call.arguments[i], key_of(call, row, i), result.failed));
        key += text_of(nodes.back()) + "; ";
    }
    if (result.failed) return result;
    const auto [place, fresh] = e.scope().m.called_layers.try_emplace({&call, key});
    if (fresh) place->second = read_call(e, call, row, inputs, std::move(nodes));
    if (!place->second) return result.failed = true, result;
    LayerScope layer{e.scope(), *place->second, call.text, {}};
    ir::Builder& b = e.b();
    for (const Evaluated& operand : operands) {
        // Layers work on a batch: without one it is a batch of one.
        const ir::ValueId value = e.materialize(operand, {});
        const int64_t rows = result.batched ? 0 : 1;
        layer.inputs.push_back(operand.batched ? value : e.scope().for_each_example(value, rows));
    }
    result.value = layer_builders().at(call.text)(layer);
    result.failed = result.value == ir::kNone;
    if (!result.failed && !result.batched)
        result.value = b.reshape(result.value, example_of(b.shape(result.value)));
    return result;
}

}  // namespace gmc::lower
