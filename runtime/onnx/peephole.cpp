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

/// Ops that treat every element alike, so that a transpose may stand before or behind them.
bool treats_elements_alike(const Node& node) {
    static const std::set<std::string> kOps = {
        "Abs",     "Add",       "Cast", "Cos",      "Div",  "Equal", "Erf",  "Exp",  "Floor",
        "Greater", "LeakyRelu", "Log",  "Max",      "Min",  "Mul",   "Neg",  "Pow",  "Relu",
        "Sigmoid", "Sign",      "Sin",  "Softplus", "Sqrt", "Sub",   "Tanh", "Where"};
    return kOps.count(node.op) != 0;
}

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

/// Works on one graph; the rules return true when they changed it.
class Peephole {
  public:
    explicit Peephole(Graph& graph) : graph_(graph) {
        for (const Node& node : graph.nodes) names_.insert(node.output);
        for (const Tensor& tensor : graph.initializers) names_.insert(tensor.name);
        for (const ValueInfo& input : graph.inputs) names_.insert(input.name);
    }

    void run() {
        do remove_dead();
        while (permute_weights() || add_bias() || join_transposes() || sink_transpose());
        drop_identities();
        remove_dead();
    }

  private:
    /// Who makes and who reads each tensor, and how many axes small ones have.
    void look() {
        maker_.clear();
        readers_.clear();
        rank_.clear();
        for (const Tensor& tensor : graph_.initializers) rank_[tensor.name] = tensor.dims.size();
        for (size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            maker_[node.output] = i;
            bool known = treats_elements_alike(node);
            size_t rank = 0;
            for (const std::string& input : node.inputs) {
                readers_[input].push_back(i);
                const auto found = rank_.find(input);
                known &= found != rank_.end();
                if (known) rank = std::max(rank, found->second);
            }
            if (known) rank_[node.output] = rank;
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
    void replace(const std::string& name, const std::string& by) {
        for (Node& node : graph_.nodes)
            for (std::string& input : node.inputs)
                if (input == name) input = by;
    }

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
                replace(graph_.nodes[reader].output, tensor.name);
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
                replace(add.output, x);
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
                replace(second.output, x);
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
            if (!treats_elements_alike(graph_.nodes[i])) continue;
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
                before.push_back(
                    {"Reshape", {input, target_shape(target)}, unique(input + ".column"), {}, ""});
                input = before.back().output;
            }
        }
        const Node transpose{
            "Transpose", {unique(node.output)}, node.output, {{"perm", permutation}}, node.doc};
        node.output = transpose.inputs[0];
        before.push_back(node);
        before.push_back(transpose);
        const auto place =
            graph_.nodes.erase(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(at));
        graph_.nodes.insert(place, before.begin(), before.end());
    }
    std::string target_shape(const std::vector<int64_t>& sizes) {
        const std::string name = fmt::format("column_of_{}", sizes.size());
        if (names_.insert(name).second)
            graph_.initializers.push_back({name, {static_cast<int64_t>(sizes.size())}, sizes, ""});
        return name;
    }

    /// Gives what an `Identity` hands on the name of the result. What is the result under two names
    /// keeps the second `Identity`, as what is an input keeps its own.
    void drop_identities() {
        for (Node& identity : graph_.nodes) {
            if (identity.op != "Identity") continue;
            const auto maker = maker_.find(identity.inputs[0]);
            if (maker == maker_.end()) continue;
            Node& node = graph_.nodes[maker->second];
            maker_.erase(maker);
            maker_.erase(identity.output);
            replace(node.output, identity.output);
            node.output = identity.output;
            identity.op.clear();
        }
        std::erase_if(graph_.nodes, [](const Node& node) { return node.op.empty(); });
    }

    /// Removes nodes and constants that no result needs, in one walk from the end.
    void remove_dead() {
        std::set<std::string> needed;
        for (const ValueInfo& output : graph_.outputs) needed.insert(output.name);
        std::vector<Node> alive;
        for (size_t i = graph_.nodes.size(); i-- > 0;) {
            Node& node = graph_.nodes[i];
            if (needed.count(node.output) == 0) continue;
            needed.insert(node.inputs.begin(), node.inputs.end());
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
    /// By tensor: the node that makes it; how many axes it has, where that is known.
    std::unordered_map<std::string, size_t> maker_, rank_;
    std::unordered_map<std::string, std::vector<size_t>> readers_;
    std::set<std::string> names_;
};

}  // namespace

void peephole(Graph& graph) { Peephole(graph).run(); }

}  // namespace gmc::onnx
