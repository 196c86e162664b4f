// Writes a module as a graph in Graphviz' language. Nodes are named by function and value number,
// so the text is the same in every run.
#include "compiler/ir/text/dot.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace gmc::ir {
namespace {

/// The text inside of a label in double quotes.
std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

/// Writes the cluster of one function. Operations are nodes, values are the edges between them,
/// labelled with their types.
class Writer {
  public:
    Writer(const Module& module, const Function& function, size_t index)
        : module_(module), function_(function), index_(index) {}

    std::string write() {
        out_ += fmt::format("  subgraph cluster_{} {{\n    label=\"@{}\";\n", index_,
                            escaped(function_.name));
        for (const Input& input : function_.inputs)
            node(input.value,
                 fmt::format("%{} = {}", function_.values[input.value].name,
                             to_string(input.source)),
                 "ellipse");
        for (const Operation& op : function_.operations) operation(op);
        for (const Update& u : function_.updates)
            sink(u.value, fmt::format("update @{}", module_.states[u.state].name));
        for (const NamedValue& r : function_.results) sink(r.value, "result " + r.name);
        return out_ + "  }\n";
    }

  private:
    std::string id(ValueId value) const {
        const auto node = node_of_.find(value);
        return fmt::format("f{}v{}", index_, node == node_of_.end() ? value : node->second);
    }

    void node(ValueId value, const std::string& label, const char* shape) {
        out_ += fmt::format("    {} [label=\"{}\", shape={}];\n", id(value), escaped(label), shape);
    }
    /// States are drawn where they are first read.
    void source(ValueId value) {
        const Value& v = function_.values[value];
        if (v.state != kNone && drawn_.insert(value).second) node(value, "@" + v.name, "ellipse");
    }
    void edge(ValueId from, const std::string& to) {
        source(from);
        out_ += fmt::format("    {} -> {} [label=\"{}\"];\n", id(from), to,
                            to_string(function_.type(from)));
    }
    void sink(ValueId value, const std::string& label) {
        const std::string name = fmt::format("f{}end{}", index_, ends_++);
        out_ += fmt::format("    {} [label=\"{}\", shape=ellipse];\n", name, escaped(label));
        edge(value, name);
    }

    /// Draws a node for the operation. The label of a fused one lists the ops of its body. Edges of
    /// all its results leave this node.
    void operation(const Operation& op) {
        for (ValueId result : op.results) node_of_[result] = op.result();
        std::string label;
        for (ValueId result : op.results)
            label += fmt::format("{}%{}", label.empty() ? "" : ", ", function_.values[result].name);
        label = escaped(fmt::format("{} = {}", label, op.info().name));
        for (const Operation& inner : op.body) label += "\\n" + std::string(inner.info().name);
        out_ += fmt::format("    {} [label=\"{}\", shape=box];\n", id(op.result()), label);
        for (ValueId operand : op.operands) edge(operand, id(op.result()));
    }

    const Module& module_;
    const Function& function_;
    size_t index_;
    std::string out_;
    // by result of an op: the first result of that op, which names its node
    std::map<ValueId, ValueId> node_of_;
    std::set<ValueId> drawn_;
    int ends_ = 0;
};

}  // namespace

std::string to_dot(const Module& module) {
    std::string out = fmt::format(
        "digraph \"{}\" {{\n  rankdir=TB;\n  node [fontname=monospace];\n", escaped(module.name));
    for (size_t i = 0; i < module.functions.size(); ++i)
        out += Writer(module, module.functions[i], i).write();
    return out + "}\n";
}

}  // namespace gmc::ir
