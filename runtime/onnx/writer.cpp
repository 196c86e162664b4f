// Writes a model as protocol buffers, one function per message. Texts and numbers that are at
// protocol buffers' default are left out.
#include "runtime/onnx/writer.h"

#include <fmt/format.h>

#include <algorithm>
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

void write_node(Builder<field::Graph>& graph, const Node& node) {
    auto out = nested<field::Node>(graph, field::Graph::kNode);
    for (const std::string& input : node.inputs) out.add_string(field::Node::kInput, input);
    out.add_string(field::Node::kOutput, node.output);
    out.add_string(field::Node::kName, node.output);
    out.add_string(field::Node::kOp, node.op);
    for (const Attribute& attribute : node.attributes) write_attribute(out, attribute);
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
        // The shape of a single number is empty, but there; protozero leaves out nested ones.
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

/// Where external weights begin: multiples of a cache line; and which are not worth a place there.
constexpr size_t kAlignment = 64, kSmall = 256;

/// The numbers of large float tensors go to `weights`, and the tensor says at which offset they
/// are.
void write_tensor(Builder<field::Graph>& graph, const Tensor& tensor, const std::string& external,
                  std::string& weights) {
    auto out = nested<field::Tensor>(graph, field::Graph::kInitializer);
    for (const int64_t size : tensor.dims) out.add_int64(field::Tensor::kDims, size);
    const auto* floats = std::get_if<std::vector<float>>(&tensor.values);
    out.add_int32(field::Tensor::kType,
                  static_cast<int32_t>(floats ? ElementType::kFloat : ElementType::kInt64));
    out.add_string(field::Tensor::kName, tensor.name);
    add_text(out, field::Tensor::kDoc, tensor.doc);
    const std::string_view bytes =
        floats ? bytes_of(*floats) : bytes_of(std::get<std::vector<int64_t>>(tensor.values));
    if (external.empty() || !floats || bytes.size() <= kSmall) {
        out.add_bytes(field::Tensor::kRaw, bytes.data(), bytes.size());
        return;
    }
    weights.resize((weights.size() + kAlignment - 1) / kAlignment * kAlignment);
    const auto tag = field::Tensor::kExternal;
    write_entry(out, tag, "location", external);
    write_entry(out, tag, "offset", fmt::format("{}", weights.size()));
    write_entry(out, tag, "length", fmt::format("{}", bytes.size()));
    out.add_enum(field::Tensor::kLocation, field::kExternalLocation);
    weights.append(bytes);
}

}  // namespace

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
        for (const Node& node : model.graph.nodes) write_node(graph, node);
        graph.add_string(field::Graph::kName, model.graph.name);
        for (const Tensor& tensor : model.graph.initializers)
            write_tensor(graph, tensor, external, bytes.weights);
        add_text(graph, field::Graph::kDoc, model.graph.doc);
        for (const ValueInfo& input : model.graph.inputs)
            write_value(graph, field::Graph::kInput, input);
        for (const ValueInfo& output : model.graph.outputs)
            write_value(graph, field::Graph::kOutput, output);
    }
    for (const auto& [key, value] : model.metadata)
        write_entry(out, field::Model::kMetadata, key, value);
    return bytes;
}

}  // namespace gmc::onnx
