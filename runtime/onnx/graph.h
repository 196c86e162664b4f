// An ONNX model in memory, as far as gmc writes it: what ONNX's protocol buffers say, in plain
// structs. `writer` makes bytes of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/onnx/batch_sizes.h"

namespace gmc::onnx {

/// Numbers of TensorProto.DataType.
enum class ElementType : int32_t { kFloat = 1, kInt64 = 7, kBool = 9, kBfloat16 = 16 };

/// An attribute of a node: a number, or a list of integers. gmc writes no others.
struct Attribute {
    std::string name;
    std::variant<int64_t, float, std::vector<int64_t>> value;
};

struct Graph;

/// One op of ONNX. All that gmc writes have one result, but `Scan`, whose results are those of the
/// graph that it repeats.
struct Node {
    std::string op;  ///< "Conv"
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    std::vector<Attribute> attributes;
    std::string doc;  ///< the place in the model's file
    /// Whether it treats every element alike, so that a transpose may stand before or behind it.
    bool elementwise = false;
    std::vector<Graph> body;  ///< of a `Scan` one graph, which may read tensors of those around it
};

/// A constant: floats or integers, row-major.
struct Tensor {
    std::string name;
    std::vector<int64_t> dims;
    std::variant<std::vector<float>, std::vector<int64_t>> values;
    std::string doc;
};

/// An input or a result.
struct ValueInfo {
    std::string name;
    ElementType type = ElementType::kFloat;
    Sizes sizes;
    std::string doc;
};

/// A function: what it takes, its constants, its ops, what it gives.
struct Graph {
    std::string name, doc;
    std::vector<ValueInfo> inputs, outputs;
    std::vector<Tensor> initializers;
    std::vector<Node> nodes;  ///< in an order in which every input comes before its use
};

/// The whole file.
struct Model {
    Graph graph;
    std::string producer_version, doc;
    std::vector<std::pair<std::string, std::string>> metadata;
};

/// Adds what the graph, with the bodies in it, reads but does not make itself to `names`.
void add_outer_names(const Graph& graph, std::set<std::string>& names);

/// The attribute of that name as integers; {} when the node has none.
std::vector<int64_t> integers(const Node& node, const std::string& name);

}  // namespace gmc::onnx
