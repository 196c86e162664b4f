// Tidies a graph by a few rules, repeated until none applies. Each moves a transpose towards the
// results or removes a node, so that they come to an end. After each change the tables of makers
// and readers are made anew: graphs have some hundred nodes, and an export is done once.
#include "runtime/onnx/peephole.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_map>

namespace gmc::onnx {
namespace {

using Permutation = std::vector<int64_t>;

/// The row-major numbers of a tensor of sizes `dims`, transposed.
std::vector<float> permuted(const std::vector<float>& values, const std::vector<int64_t>& dims,
                            const Permutation& permutation) {
    const size_t rank = dims.size();
    std::vector<int64_t> strides(rank, 1), index(rank, 0);
    for (size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * dims[i];
    std::vector<float> out;
    out.reserve(values.size());
    for (size_t n = 0; n < values.size(); ++n) {
        int64_t at = 0;
        for (size_t i = 0; i < rank; ++i) at += index[i] * strides[permutation[i]];
        out.push_back(values[at]);
        for (size_t i = rank; i-- > 0;) {
            if (++index[i] < dims[permutation[i]]) break;
            index[i] = 0;
        }
    }
    return out;
}

using Names = std::set<std::string>;
/// How many axes small tensors have, by name.
using Ranks = std::unordered_map<std::string, size_t>;

/// The names of all tensors of a graph and the bodies in it.
void add_names(const Graph& graph, Names& names) {
    for (const Node& node : graph.nodes) {
        names.insert(node.outputs.begin(), node.outputs.end());
        for (const Graph& body : node.body) add_names(body, names);
    }
    for (const Tensor& tensor : graph.initializers) names.insert(tensor.name);
    for (const ValueInfo& input : graph.inputs) names.insert(input.name);
}

/// Replaces the name of a tensor where it is read.
void replace_in(Graph& graph, const std::string& name, const std::string& by) {
    for (Node& node : graph.nodes) {
        std::replace(node.inputs.begin(), node.inputs.end(), name, by);
        for (Graph& body : node.body) replace_in(body, name, by);
    }
}

/// What a node reads, with what the bodies in it read from outside.
Names read_by(const Node& node) {
    Names names(node.inputs.begin(), node.inputs.end());
    for (const Graph& body : node.body) add_outer_names(body, names);
    return names;
}

/// Works on one graph, then on the bodies in it; the rules return true when they changed it.
class Peephole {
  public:
    /// `names` are those of all graphs, `outer_rank` those of the graphs around this one.
    Peephole(Graph& graph, Names& names, Ranks outer_rank)
        : graph_(graph), names_(names), outer_rank_(std::move(outer_rank)) {}

    void run() {
        do remove_dead();
        while (permute_weights() || add_bias() || join_transposes() || sink_transpose());
        for (Node& node : graph_.nodes)
            for (Graph& body : node.body) Peephole(body, names_, rank_).run();
        drop_identities();
        remove_dead();
    }

  private:
    /// Who makes and who reads each tensor, and how many axes small ones have.
    void look() {
        maker_.clear();
        readers_.clear();
        rank_ = outer_rank_;
        for (const Tensor& tensor : graph_.initializers) rank_[tensor.name] = tensor.dims.size();
        for (size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            for (const std::string& output : node.outputs) maker_[output] = i;
            for (const std::string& name : read_by(node)) readers_[name].push_back(i);
            bool known = node.elementwise;
            size_t rank = 0;
            for (const std::string& input : node.inputs) {
                const auto found = rank_.find(input);
                known &= found != rank_.end();
                if (known) rank = std::max(rank, found->second);
            }
            if (known) rank_[node.outputs[0]] = rank;
        }
    }
    /// The node of that op that makes a tensor; null when there is none.
    Node* made_by(const std::string& op, const std::string& name) {
        const auto found = maker_.find(name);
        Node* node = found == maker_.end() ? nullptr : &graph_.nodes[found->second];
        return node && node->op == op ? node : nullptr;
    }
    bool has_one_reader(const std::string& name) {
        const auto found = readers_.find(name);
        return found != readers_.end() && found->second.size() == 1;
    }
    bool is_input(const std::string& name) const {
        return std::any_of(graph_.inputs.begin(), graph_.inputs.end(),
                           [&](const ValueInfo& input) { return input.name == name; });
    }
    /// How many axes a constant, or what is computed of constants alone, has; -1: not known.
    int64_t rank(const std::string& name) const {
        const auto found = rank_.find(name);
        return found == rank_.end() ? -1 : static_cast<int64_t>(found->second);
    }
    std::string unique(const std::string& name) {
        std::string out = name;
        for (int i = 1; !names_.insert(out).second; ++i) out = fmt::format("{}_{}", name, i);
        return out;
    }
    void replace(const std::string& name, const std::string& by) { replace_in(graph_, name, by); }

    /// A weight that is only read through one transpose is kept transposed.
    bool permute_weights() {
        bool changed = false;
        for (Tensor& tensor : graph_.initializers) {
            const auto* values = std::get_if<std::vector<float>>(&tensor.values);
            const auto readers = readers_.find(tensor.name);
            if (!values || readers == readers_.end() || is_input(tensor.name)) continue;
            const Permutation permutation = integers(graph_.nodes[readers->second[0]], "perm");
            const bool alike =
                std::all_of(readers->second.begin(), readers->second.end(), [&](size_t reader) {
                    const Node& node = graph_.nodes[reader];
                    return node.op == "Transpose" && integers(node, "perm") == permutation;
                });
            if (!alike) continue;
            tensor.values = permuted(*values, tensor.dims, permutation);
            const std::vector<int64_t> old = tensor.dims;
            for (size_t i = 0; i < old.size(); ++i) tensor.dims[i] = old[permutation[i]];
            tensor.doc += fmt::format(", its axes in the order {}", ir::to_string(permutation));
            for (const size_t reader : readers->second)
                replace(graph_.nodes[reader].outputs[0], tensor.name);
            changed = true;
        }
        if (changed) remove_dead();
        return changed;
    }

    /// Moves a bias of one axis that is added to a product into it.
    bool add_bias() {
        for (Node& add : graph_.nodes) {
            if (add.op != "Add") continue;
            for (size_t side = 0; side < 2; ++side) {
                const std::string &x = add.inputs[side], &bias = add.inputs[1 - side];
                const bool is_constant = maker_.find(bias) == maker_.end() && rank(bias) == 1;
                if (!is_constant || !has_one_reader(x)) continue;
                Node* product = made_by("Gemm", x);
                if (const Node* transpose = made_by("Transpose", x)) {
                    const std::string& y = transpose->inputs[0];
                    const Permutation permutation = integers(*transpose, "perm");
                    if (!has_one_reader(y) || permutation.back() != 1) continue;
                    product = made_by("Conv", y);
                    if (product == nullptr) product = made_by("ConvTranspose", y);
                }
                if (product == nullptr || product->inputs.size() != 2) continue;
                product->inputs.push_back(bias);
                replace(add.outputs[0], x);
                return true;
            }
        }
        return false;
    }

    /// Two transposes in a row become one, and one that moves nothing vanishes.
    bool join_transposes() {
        for (Node& second : graph_.nodes) {
            if (second.op != "Transpose") continue;
            const Node* first = made_by("Transpose", second.inputs[0]);
            const Permutation outer = integers(second, "perm");
            Permutation joint = outer;
            if (first)
                for (size_t i = 0; i < outer.size(); ++i)
                    joint[i] = integers(*first, "perm")[outer[i]];
            const std::string x = first ? first->inputs[0] : second.inputs[0];
            if (std::is_sorted(joint.begin(), joint.end())) {
                replace(second.outputs[0], x);
                return true;
            }
            if (!first) continue;
            second.inputs[0] = x;
            second.attributes = {{"perm", joint}};
            return true;
        }
        return false;
    }

    /// Transpose, then an op on all elements: the op first. Its other inputs are transposed alike,
    /// or have no axis, or one, the last, which then gets axes behind it.
    bool sink_transpose() {
        for (size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (!graph_.nodes[i].elementwise) continue;
            Permutation permutation;
            for (const std::string& input : graph_.nodes[i].inputs)
                if (const Node* transpose = made_by("Transpose", input))
                    permutation = integers(*transpose, "perm");
            if (permutation.empty() || !can_sink(graph_.nodes[i], permutation)) continue;
            sink(i, permutation);
            return true;
        }
        return false;
    }
    bool can_sink(const Node& node, const Permutation& permutation) {
        return std::all_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& input) {
            const Node* transpose = made_by("Transpose", input);
            if (transpose) return integers(*transpose, "perm") == permutation;
            return rank(input) == 0 || rank(input) == 1;
        });
    }
    /// Rewrites the node at `at`: it reads what its operands were before their transposes, and its
    /// result is transposed instead.
    void sink(size_t at, const Permutation& permutation) {
        Node node = graph_.nodes[at];
        std::vector<Node> before;
        for (std::string& input : node.inputs) {
            if (const Node* transpose = made_by("Transpose", input)) {
                input = transpose->inputs[0];
            } else if (rank(input) == 1) {
                std::vector<int64_t> target(permutation.size() - permutation.back(), 1);
                target[0] = -1;
                const std::string column = unique(input + ".column");
                before.push_back({"Reshape", {input, target_shape(target)}, {column}, {}, "", {}});
                input = column;
            }
        }
        const std::string inner = unique(node.outputs[0]);
        const Node transpose{"Transpose", {inner}, node.outputs, {{"perm", permutation}},
                             node.doc,    {}};
        node.outputs = {inner};
        before.push_back(node);
        before.push_back(transpose);
        const auto place =
            graph_.nodes.erase(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(at));
        graph_.nodes.insert(place, before.begin(), before.end());
    }
    /// A constant of this graph with these numbers.
    std::string target_shape(const std::vector<int64_t>& sizes) {
        for (const Tensor& tensor : graph_.initializers)
            if (const auto* values = std::get_if<std::vector<int64_t>>(&tensor.values);
                values && *values == sizes)
                return tensor.name;
        const std::string name = unique(fmt::format("column_of_{}", sizes.size()));
        graph_.initializers.push_back({name, {static_cast<int64_t>(sizes.size())}, sizes, ""});
        return name;
    }

    /// Removes an `Identity` that makes a result: the node before it makes the result under that
    /// name instead. A tensor that is a result under two names keeps the second `Identity`; so does
    /// an input that is a result.
    void drop_identities() {
        for (Node& identity : graph_.nodes) {
            if (identity.op != "Identity") continue;
            const auto maker = maker_.find(identity.inputs[0]);
            if (maker == maker_.end()) continue;
            Node& node = graph_.nodes[maker->second];
            const std::string name = maker->first, result = identity.outputs[0];
            maker_.erase(maker);
            maker_.erase(result);
            replace(name, result);
            std::replace(node.outputs.begin(), node.outputs.end(), name, result);
            identity.op.clear();
        }
        std::erase_if(graph_.nodes, [](const Node& node) { return node.op.empty(); });
    }

    /// Removes nodes and constants that no result needs, in one walk from the end.
    void remove_dead() {
        Names needed;
        for (const ValueInfo& output : graph_.outputs) needed.insert(output.name);
        std::vector<Node> alive;
        for (size_t i = graph_.nodes.size(); i-- > 0;) {
            Node& node = graph_.nodes[i];
            const auto is_needed = [&](const std::string& name) { return needed.count(name) != 0; };
            if (std::none_of(node.outputs.begin(), node.outputs.end(), is_needed)) continue;
            needed.merge(read_by(node));
            alive.push_back(std::move(node));
        }
        std::reverse(alive.begin(), alive.end());
        graph_.nodes = std::move(alive);
        std::erase_if(graph_.initializers, [&](const Tensor& tensor) {
            if (needed.count(tensor.name) != 0 || is_input(tensor.name)) return false;
            names_.erase(tensor.name);
            return true;
        });
        look();
    }

    Graph& graph_;
    Names& names_;
    Ranks outer_rank_, rank_;
    std::unordered_map<std::string, size_t> maker_;  ///< the node that makes a tensor
    std::unordered_map<std::string, std::vector<size_t>> readers_;
};

}  // namespace

void peephole(Graph& graph) {
    Names names;
    add_names(graph, names);
    Peephole(graph, names, {}).run();
}

}  // namespace gmc::onnx
