// Writes a model as protocol buffers, one function per message. Texts and numbers that are at
// protocol buffers' default are left out.
#include "runtime/onnx/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <protozero/pbf_builder.hpp>

#include "runtime/onnx/fields.h"

namespace gmc::onnx {
namespace {

template <typename Message>
using Builder = protozero::pbf_builder<Message>;

template <typename Message, typename Parent>
Builder<Message> nested(Builder<Parent>& parent, Parent tag) {
    return {parent, tag};
}

template <typename Message>
void add_text(Builder<Message>& builder, Message tag, const std::string& text) {
    if (!text.empty()) builder.add_string(tag, text);
}

template <typename Parent>
void write_entry(Builder<Parent>& parent, Parent tag, const std::string& key,
                 const std::string& value) {
    auto entry = nested<field::Entry>(parent, tag);
    entry.add_string(field::Entry::kKey, key);
    entry.add_string(field::Entry::kValue, value);
}

/// ONNX wants the type of an attribute beside its value.
void write_attribute(Builder<field::Node>& node, const Attribute& attribute) {
    auto out = nested<field::Attribute>(node, field::Node::kAttribute);
    out.add_string(field::Attribute::kName, attribute.name);
    const auto type = [&](field::AttributeType t) {
        out.add_enum(field::Attribute::kType, static_cast<int32_t>(t));
    };
    if (const auto* number = std::get_if<int64_t>(&attribute.value)) {
        out.add_int64(field::Attribute::kInt, *number);
        type(field::AttributeType::kInt);
    } else if (const auto* real = std::get_if<float>(&attribute.value)) {
        out.add_float(field::Attribute::kFloat, *real);
        type(field::AttributeType::kFloat);
    } else {
        for (const int64_t each : std::get<std::vector<int64_t>>(attribute.value))
            out.add_int64(field::Attribute::kInts, each);
        type(field::AttributeType::kInts);
    }
}

/// The file for the numbers of weights, beside the model.
struct External {
    const std::string& name;  ///< "": there is none
    std::string& bytes;
};

void write_graph(Builder<field::Graph>& out, const Graph& graph, External& external);

void write_node(Builder<field::Graph>& graph, const Node& node, External& external) {
    auto out = nested<field::Node>(graph, field::Graph::kNode);
    for (const std::string& input : node.inputs) out.add_string(field::Node::kInput, input);
    for (const std::string& output : node.outputs) out.add_string(field::Node::kOutput, output);
    out.add_string(field::Node::kName, node.outputs[0]);
    out.add_string(field::Node::kOp, node.op);
    for (const Attribute& attribute : node.attributes) write_attribute(out, attribute);
    for (const Graph& body : node.body) {
        auto attribute = nested<field::Attribute>(out, field::Node::kAttribute);
        attribute.add_string(field::Attribute::kName, "body");
        {
            auto inner = nested<field::Graph>(attribute, field::Attribute::kGraph);
            write_graph(inner, body, external);
        }
        attribute.add_enum(field::Attribute::kType,
                           static_cast<int32_t>(field::AttributeType::kGraph));
    }
    add_text(out, field::Node::kDoc, node.doc);
}

/// A size that grows with the batch is written as a name, which readers take for "any number, the
/// same wherever this name stands".
void write_value(Builder<field::Graph>& graph, field::Graph tag, const ValueInfo& value) {
    auto out = nested<field::Value>(graph, tag);
    out.add_string(field::Value::kName, value.name);
    {
        auto type = nested<field::Type>(out, field::Value::kType);
        auto tensor = nested<field::TensorType>(type, field::Type::kTensor);
        tensor.add_int32(field::TensorType::kElement, static_cast<int32_t>(value.type));
        // The shape of a single number is empty, but has to be written; protozero would leave out
        // an empty nested message.
        if (value.sizes.empty()) tensor.add_message(field::TensorType::kShape, std::string());
        auto shape = nested<field::Shape>(tensor, field::TensorType::kShape);
        for (const Size& size : value.sizes) {
            auto dimension = nested<field::Dimension>(shape, field::Shape::kDimension);
            if (size.grows())
                dimension.add_string(field::Dimension::kParameter, to_string(size));
            else
                dimension.add_int64(field::Dimension::kValue, size.fixed);
        }
    }
    add_text(out, field::Value::kDoc, value.doc);
}

template <typename T>
std::string_view bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// External weights begin at multiples of kAlignment bytes; tensors of up to kSmall bytes stay in
/// the model.
constexpr size_t kAlignment = 64, kSmall = 256;

/// The numbers of large float tensors go to the external file, and the tensor says at which offset
/// they are.
void write_tensor(Builder<field::Graph>& graph, const Tensor& tensor, External& external) {
    auto out = nested<field::Tensor>(graph, field::Graph::kInitializer);
    for (const int64_t size : tensor.dims) out.add_int64(field::Tensor::kDims, size);
    const auto* floats = std::get_if<std::vector<float>>(&tensor.values);
    out.add_int32(field::Tensor::kType,
                  static_cast<int32_t>(floats ? ElementType::kFloat : ElementType::kInt64));
    out.add_string(field::Tensor::kName, tensor.name);
    add_text(out, field::Tensor::kDoc, tensor.doc);
    const std::string_view bytes =
        floats ? bytes_of(*floats) : bytes_of(std::get<std::vector<int64_t>>(tensor.values));
    if (external.name.empty() || !floats || bytes.size() <= kSmall) {
        out.add_bytes(field::Tensor::kRaw, bytes.data(), bytes.size());
        return;
    }
    external.bytes.resize((external.bytes.size() + kAlignment - 1) / kAlignment * kAlignment);
    const auto tag = field::Tensor::kExternal;
    write_entry(out, tag, "location", external.name);
    write_entry(out, tag, "offset", fmt::format("{}", external.bytes.size()));
    write_entry(out, tag, "length", fmt::format("{}", bytes.size()));
    out.add_enum(field::Tensor::kLocation, field::kExternalLocation);
    external.bytes.append(bytes);
}

void write_graph(Builder<field::Graph>& out, const Graph& graph, External& external) {
    for (const Node& node : graph.nodes) write_node(out, node, external);
    out.add_string(field::Graph::kName, graph.name);
    for (const Tensor& tensor : graph.initializers) write_tensor(out, tensor, external);
    add_text(out, field::Graph::kDoc, graph.doc);
    for (const ValueInfo& input : graph.inputs) write_value(out, field::Graph::kInput, input);
    for (const ValueInfo& output : graph.outputs) write_value(out, field::Graph::kOutput, output);
}

}  // namespace

void add_outer_names(const Graph& graph, std::set<std::string>& names) {
    std::set<std::string> read, made;
    for (const Node& node : graph.nodes) {
        read.insert(node.inputs.begin(), node.inputs.end());
        made.insert(node.outputs.begin(), node.outputs.end());
        for (const Graph& body : node.body) add_outer_names(body, read);
    }
    for (const ValueInfo& input : graph.inputs) made.insert(input.name);
    for (const Tensor& tensor : graph.initializers) made.insert(tensor.name);
    std::set_difference(read.begin(), read.end(), made.begin(), made.end(),
                        std::inserter(names, names.end()));
}

std::vector<int64_t> integers(const Node& node, const std::string& name) {
    for (const Attribute& attribute : node.attributes)
        if (const auto* values = std::get_if<std::vector<int64_t>>(&attribute.value);
            values && attribute.name == name)
            return *values;
    return {};
}

/// With `external`, the bytes of the weights go into a second file of that name, beside the model:
/// files of protobuf end at 2 GB.
ModelBytes model_bytes(const Model& model, const std::string& external) {
    ModelBytes bytes;
    Builder<field::Model> out(bytes.model);
    out.add_int64(field::Model::kIrVersion, field::kIrVersion);
    out.add_string(field::Model::kProducerName, "gmc");
    add_text(out, field::Model::kProducerVersion, model.producer_version);
    add_text(out, field::Model::kDoc, model.doc);
    {
        auto set = nested<field::OperatorSet>(out, field::Model::kOperatorSets);
        set.add_string(field::OperatorSet::kDomain, "");
        set.add_int64(field::OperatorSet::kVersion, field::kOperatorSet);
    }
    {
        auto graph = nested<field::Graph>(out, field::Model::kGraph);
        External weights{external, bytes.weights};
        write_graph(graph, model.graph, weights);
    }
    for (const auto& [key, value] : model.metadata)
        write_entry(out, field::Model::kMetadata, key, value);
    return bytes;
}

}  // namespace gmc::onnx
