// The part of Lowering that rules use: names, nodes, constants, and values that are held by tensors
// smaller than they are.
#include "runtime/onnx/lowering.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/onnx/rules.h"

namespace gmc::onnx {

using ir::kNone;
using ir::ValueId;

/// A module that is not trained has no batch size; 1 then stands for it.
Lowering::Lowering(const Source& source, Noise noise)
    : source_(source),
      noise_(noise),
      sizes_(*source.module, *source.function,
             source.module->training ? source.module->training->batch_size : 1) {
    scopes_.push_back({source.function, 1, {}, {}, {}, {}});
}

/// Inputs, states, operations in order, results.
Graph Lowering::run() {
    Graph& graph = here().graph;
    graph.name = source_.function->name;
    // Names that others know go first.
    for (const ir::Input& input : source_.function->inputs)
        names_.insert(source_.function->values[input.value].name);
    for (const ir::State& state : source_.module->states) names_.insert(state.name);
    for (const ir::NamedValue& result : source_.function->results) names_.insert(result.name);
    add_inputs();
    add_states();
    lower_all(source_.function->operations);
    add_results();
    if (!sizes_.why_fixed().empty())
        graph.doc = fmt::format("for batches of {} only: {}", batch_size(), sizes_.why_fixed());
    return std::move(graph);
}

/// Calls the rule of each operation.
void Lowering::lower_all(const std::vector<ir::Operation>& operations) {
    for (const ir::Operation& operation : operations) {
        operation_ = &operation;
        std::visit(
            [&](const auto& op) {
                if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>)
                    lower(op, *this);
            },
            operation.op);
    }
}

/// A loop is lowered as the ops in it; afterwards `operation_` is the loop again.
void Lowering::lower_body() {
    const ir::Operation* outer = operation_;
    lower_all(outer->body);
    operation_ = outer;
}

// ---- names and nodes ----------------------------------------------------------------------------

/// A name that no tensor of the graph has yet.
std::string Lowering::unique(const std::string& name) {
    std::string out = name;
    for (int i = 1; !names_.insert(out).second; ++i) out = fmt::format("{}_{}", name, i);
    return out;
}

/// Where the op at hand stands in the model's file.
std::string Lowering::place() const {
    if (operation_ == nullptr || !operation_->location.known()) return "";
    const ir::Location& at = operation_->location;
    return fmt::format("{}:{}:{}", source_.module->files[at.file], at.line, at.column);
}

/// Which scope makes a tensor.
size_t Lowering::depth(const std::string& name) const {
    const auto found = depths_.find(name);
    return found == depths_.end() ? 0 : found->second;
}

std::string Lowering::node(const std::string& op, std::vector<std::string> inputs,
                           std::vector<Attribute> attributes) {
    size_t deepest = 0;
    for (const std::string& input : inputs) deepest = std::max(deepest, depth(input));
    const std::string output = unique(op);
    if (deepest > 0) depths_[output] = deepest;
    scopes_[deepest].graph.nodes.push_back(
        {op, std::move(inputs), {output}, std::move(attributes), place(), op == "Cast", {}});
    return output;
}

/// A constant; one tensor for each number, however often it is asked for.
std::string Lowering::number(double value) {
    const auto real = static_cast<float>(value);
    std::string& name = known_[fmt::format("{} as a number", real)];
    if (!name.empty()) return name;
    name = unique(fmt::format("constant_{}", real));
    scopes_[0].graph.initializers.push_back({name, {}, std::vector<float>{real}, ""});
    return name;
}

std::string Lowering::constants(const std::vector<int64_t>& values) {
    std::string& name = known_[fmt::format("{}", fmt::join(values, ","))];
    if (!name.empty()) return name;
    name = unique(fmt::format("integers_{}", fmt::join(values, "_")));
    scopes_[0].graph.initializers.push_back(
        {name, {static_cast<int64_t>(values.size())}, values, ""});
    return name;
}

/// The number of examples, as a tensor of one integer: a size of an input, or an input of its own
/// where no other has it.
std::string Lowering::batch() {
    if (!batch_.empty()) return batch_;
    for (const ValueInfo& input : scopes_[0].graph.inputs)
        for (size_t axis = 0; axis < input.sizes.size(); ++axis)
            if (const auto at = static_cast<int64_t>(axis); input.sizes[axis] == Size{0, 1})
                return batch_ = node("Shape", {input.name}, {{"start", at}, {"end", at + 1}});
    batch_ = unique("batch");
    scopes_[0].graph.inputs.push_back(
        {batch_, ElementType::kInt64, {{1, 0}}, "how many examples to make"});
    return batch_;
}

/// Fixed sizes are a constant. Where some grow, the shape is put together at run time: runs of
/// fixed sizes, and batch times a factor plus a term.
std::string Lowering::shape(const Sizes& sizes) {
    std::string text = "shape";
    bool grows = false;
    for (const Size& size : sizes) {
        text += " " + to_string(size);
        grows |= size.grows();
    }
    if (!grows) {
        std::vector<int64_t> fixed;
        for (const Size& size : sizes) fixed.push_back(size.fixed);
        return constants(fixed);
    }
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
    std::vector<std::string> parts;
    std::vector<int64_t> run;
    const auto end_run = [&] {
        if (!run.empty()) parts.push_back(constants(run));
        run.clear();
    };
    for (const Size& size : sizes) {
        if (!size.grows()) {
            run.push_back(size.fixed);
            continue;
        }
        end_run();
        std::string part = batch();
        if (size.per_batch != 1) part = node("Mul", {part, constants({size.per_batch})});
        if (size.fixed != 0) part = node("Add", {part, constants({size.fixed})});
        parts.push_back(part);
    }
    end_run();
    const std::string out =
        parts.size() == 1 ? parts[0] : node("Concat", parts, {{"axis", int64_t{0}}});
    return known_[text] = out;
}

/// One size that grows may be left to ONNX, as -1.
std::string Lowering::reshape(const std::string& x, const Sizes& sizes) {
    std::vector<int64_t> target;
    int growing = 0;
    for (const Size& size : sizes) {
        growing += size.grows() ? 1 : 0;
        target.push_back(size.grows() ? -1 : size.fixed);
    }
    return node("Reshape", {x, growing <= 1 ? constants(target) : shape(sizes)});
}

std::string Lowering::transpose(const std::string& x, const std::vector<int64_t>& permutation) {
    return node("Transpose", {x}, {{"perm", permutation}});
}

/// Two casts, there and back.
std::string Lowering::rounded(const std::string& x) {
    const auto to = [](ElementType type) { return Attribute{"to", static_cast<int64_t>(type)}; };
    return node("Cast", {node("Cast", {x}, {to(ElementType::kBfloat16)})},
                {to(ElementType::kFloat)});
}

// ---- values -------------------------------------------------------------------------------------

/// Says that a tensor holds the value with all its elements.
void Lowering::hold(ValueId v, const std::string& name) {
    const auto rank = static_cast<size_t>(type(v).rank());
    here().held[v] = {name, std::vector<bool>(rank, true), rank};
}

void Lowering::set(const std::string& name) { hold(result_id(), name); }

void Lowering::set_small(const std::string& name, std::vector<bool> spread) {
    const auto first = std::find(spread.begin(), spread.end(), true);
    const auto rank = static_cast<size_t>(spread.end() - first);
    here().held[result_id()] = {name, std::move(spread), rank};
}

/// Expands the tensor that holds a value, when it is smaller than the value, and keeps the expanded
/// one for later readers.
std::string Lowering::full_value(ValueId v) {
    const Held& held = this->held(v);
    const auto rank = static_cast<size_t>(type(v).rank());
    const bool whole = held.rank == rank && std::all_of(held.spread.begin(), held.spread.end(),
                                                        [](bool spread) { return spread; });
    if (!whole) hold(v, node("Expand", {held.name, shape(sizes(v))}));
    return this->held(v).name;
}

std::string Lowering::condition(size_t i) {
    const std::string& x = operand(i);
    if (const auto found = booleans_.find(x); found != booleans_.end()) return found->second;
    return booleans_[x] = node("Cast", {x}, {{"to", static_cast<int64_t>(ElementType::kBool)}});
}

void Lowering::elementwise(const std::string& op, std::vector<Attribute> attributes,
                           const std::vector<std::string>& extra) {
    std::vector<std::string> inputs;
    for (size_t i = 0; i < operand_count(); ++i) inputs.push_back(operand(i));
    inputs.insert(inputs.end(), extra.begin(), extra.end());
    elementwise(op, std::move(inputs), std::move(attributes));
}

void Lowering::elementwise(const std::string& op, std::vector<std::string> inputs,
                           std::vector<Attribute> attributes) {
    Held result{"", std::vector<bool>(sizes(result_id()).size(), false), 0};
    for (const ValueId operand : operation_->operands) {
        const Held& held = this->held(operand);
        result.rank = std::max(result.rank, held.rank);
        for (size_t axis = 0; axis < held.spread.size(); ++axis)
            if (held.spread[axis]) result.spread[axis] = true;
    }
    result.name = node(op, std::move(inputs), std::move(attributes));
    scopes_[depth(result.name)].graph.nodes.back().elementwise = true;
    here().held[result_id()] = std::move(result);
}

void Lowering::selection() {
    elementwise("Where", {condition(0), operand(1), operand(2)}, std::vector<Attribute>{});
}

void Lowering::comparison(const std::string& op) {
    elementwise(op);
    Held& held = here().held.at(result_id());
    const std::string answer = held.name;
    held.name = node("Cast", {answer}, {{"to", static_cast<int64_t>(ElementType::kFloat)}});
    booleans_[held.name] = answer;
}

void Lowering::set_rounded() {
    set_to_operand();
    Held& held = here().held.at(result_id());
    held.name = rounded(held.name);
}

}  // namespace gmc::onnx
