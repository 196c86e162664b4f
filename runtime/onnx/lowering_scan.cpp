// The part of Lowering that makes `Scan` nodes of scans.
#include <fmt/format.h>

#include "compiler/ir/scan.h"
#include "runtime/onnx/lowering.h"

namespace gmc::onnx {

using ir::ValueId;

/// `sequence` is a tensor outside that has an element of these sizes for each pass. Returns the
/// input by which the body in scope `depth` sees the element of its pass.
std::string Lowering::element(size_t depth, const std::string& sequence, const Sizes& sizes) {
    Scope& scope = scopes_[depth];
    auto [found, is_new] = scope.elements.try_emplace(sequence);
    if (!is_new) return found->second;
    const std::string name = unique(sequence + ".element");
    depths_[name] = depth;
    scope.sequences.push_back(sequence);
    scope.graph.inputs.push_back({name, ElementType::kFloat, sizes, ""});
    return found->second = name;
}

/// ONNX does not tell a body which pass it runs: it gets an element of the row 0, 1, 2, ...
std::string Lowering::pass_number() {
    std::string& numbers = known_[fmt::format("numbers of {} passes", here().passes)];
    if (numbers.empty()) {
        const auto integer = [&](int64_t n) { return node("Squeeze", {constants({n})}); };
        const std::string row = node("Range", {integer(0), integer(here().passes), integer(1)});
        numbers = node("Cast", {row}, {{"to", static_cast<int64_t>(ElementType::kFloat)}});
    }
    return element(scopes_.size() - 1, numbers, {});
}

/// Opens the graph of a body. Its inputs are the carried values, then the elements, which are added
/// when something asks for them; what it captures is read where it is.
void Lowering::enter_body(const ir::Function& body, int64_t passes) {
    const ir::ScanParts parts = ir::scan_parts(body);
    const Scope& outside = here();
    std::vector<std::string> whole;
    for (size_t i = 0; i < parts.first_captured(); ++i) whole.push_back(full(i));
    scopes_.push_back({&body, passes, {}, {}, {}, {}});
    here().graph.name = body.name;
    for (size_t i = 0; i < body.inputs.size(); ++i) {
        const ValueId value = body.inputs[i].value;
        if (i >= parts.first_captured()) {
            here().held[value] = outside.held.at(operand_id(i));
        } else if (i >= parts.carried) {
            hold(value, element(scopes_.size() - 1, whole[i], sizes(value)));
        } else {
            const std::string name = unique(body.values[value].name);
            depths_[name] = scopes_.size() - 1;
            here().graph.inputs.push_back({name, ElementType::kFloat, sizes(value), ""});
            hold(value, name);
        }
    }
}

/// A body in which no pass sees anything of its own still has to be told how often it runs: by the
/// numbers of the passes, which it does not read.
void Lowering::scan() {
    const ir::Operation& operation = *operation_;
    const auto& scan = *operation.as<ir::Scan>();
    const ir::Function& body = *ir::body_of(*source_.module, operation);
    const ir::ScanParts parts = ir::scan_parts(body);
    std::vector<std::string> inputs;
    for (size_t i = 0; i < parts.carried; ++i) inputs.push_back(full(i));
    enter_body(body, scan.count);
    lower_all(body.operations);
    operation_ = &operation;
    if (here().sequences.empty()) (void)pass_number();
    for (const ir::NamedValue& result : body.results)
        add_output(unique(result.name), result.value, "");
    Scope inside = std::move(scopes_.back());
    scopes_.pop_back();
    inputs.insert(inputs.end(), inside.sequences.begin(), inside.sequences.end());
    Node node{"Scan", std::move(inputs), {}, {}, place(), {}};
    std::vector<std::pair<ValueId, std::string>> sums;
    for (size_t i = 0; i < operation.results.size(); ++i) {
        const ValueId result = operation.results[i];
        node.outputs.push_back(unique(here().function->values[result].name));
        if (is_summed(body, scan, i))
            sums.emplace_back(result, node.outputs.back());
        else
            hold(result, node.outputs.back());
        if (scopes_.size() > 1) depths_[node.outputs.back()] = scopes_.size() - 1;
    }
    const size_t sequences = inside.sequences.size();
    node.attributes = {{"num_scan_inputs", static_cast<int64_t>(sequences)}};
    const auto add_backward = [&](const char* name, size_t count) {
        if (scan.reverse && count > 0)
            node.attributes.push_back({name, std::vector<int64_t>(count, 1)});
    };
    add_backward("scan_input_directions", sequences);
    add_backward("scan_output_directions", parts.stacked);
    node.body.push_back(std::move(inside.graph));
    here().graph.nodes.push_back(std::move(node));
    for (const auto& [result, stack] : sums)
        hold(result, this->node("ReduceSum", {stack, constants({0})}, {{"keepdims", int64_t{0}}}));
}

}  // namespace gmc::onnx
