// The part of Lowering that makes what a graph shows outside: inputs, weights, noise, results.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/onnx/lowering.h"

namespace gmc::onnx {

using ir::InputSource;
using ir::kNone;
using ir::ValueId;

namespace {

const char* noise_doc(bool normal) {
    return normal ? "independent standard normal numbers"
                  : "independent numbers, uniform in [0, 1)";
}

}  // namespace

/// What an input has to be filled with, for those who use the ONNX model without gmc.
std::string Lowering::input_doc(const ir::Input& input) const {
    switch (input.source.kind) {
        case InputSource::Kind::kNormal:
            return noise_doc(true);
        case InputSource::Kind::kUniform:
            return noise_doc(false);
        case InputSource::Kind::kValid:
            return "1 for examples that count, 0 for padding";
        case InputSource::Kind::kTotal:
            return fmt::format("the result `{}` of `evaluate`, summed over all batches",
                               input.source.field);
        case InputSource::Kind::kLargest:
            return fmt::format("the largest `{}` that `evaluate` gave for any batch",
                               input.source.field);
        case InputSource::Kind::kLogSum:
            return fmt::format("the logarithm of the sum of exp of all `{}` that `evaluate` gave",
                               input.source.field);
        case InputSource::Kind::kArgument:
        case InputSource::Kind::kCarried:
        case InputSource::Kind::kElement:
        case InputSource::Kind::kCaptured:
            return "";
        case InputSource::Kind::kData:
            break;
    }
    const ir::DataField* field = ir::find_field(source_.module->data, input.source.field);
    if (field == nullptr) return "";
    if (field->label_classes() == 0)
        return fmt::format("data, in [{}, {}]", field->range.low, field->range.high);
    if (field->class_names.empty())
        return fmt::format("labels, 0 to {}", field->label_classes() - 1);
    return fmt::format("labels, from 0 on: {}", fmt::join(field->class_names, ", "));
}

void Lowering::add_inputs() {
    const auto is_drawn = [&](const ir::Input& input) {
        return input.source.is_noise() && noise_ == Noise::kInside;
    };
    for (const ir::Input& input : source_.function->inputs) {
        if (is_drawn(input)) continue;
        const std::string& name = source_.function->values[input.value].name;
        here().graph.inputs.push_back(
            {name, ElementType::kFloat, sizes(input.value), input_doc(input)});
        hold(input.value, name);
    }
    for (const ir::Input& input : source_.function->inputs)
        if (is_drawn(input))
            hold(input.value,
                 drawn(input.source.kind == InputSource::Kind::kNormal, sizes(input.value)));
}

/// Weights are initializers. States that the function updates are inputs as well, with the
/// initializer as default. Copies in bf16 are made in the graph by rounding their parameter.
void Lowering::add_states() {
    const auto is_updated = [&](ir::StateId id) {
        return std::any_of(source_.function->updates.begin(), source_.function->updates.end(),
                           [&](const ir::Update& update) { return update.state == id; });
    };
    std::set<ir::StateId> added;
    const auto add = [&](ir::StateId id) {
        if (!added.insert(id).second) return;
        const ir::State& state = source_.module->states[id];
        const std::span<const float> values = source_.state(id);
        const std::string doc =
            fmt::format("{}, {}", ir::state_role_name(state.role), ir::to_string(state.type.shape));
        here().graph.initializers.push_back(
            {state.name, state.type.shape, std::vector<float>(values.begin(), values.end()), doc});
        if (!is_updated(id)) return;
        Sizes fixed;
        for (const int64_t size : state.type.shape) fixed.push_back({size, 0});
        here().graph.inputs.push_back({state.name, ElementType::kFloat, fixed, doc});
    };
    for (size_t v = 0; v < source_.function->values.size(); ++v) {
        const ir::StateId id = source_.function->values[v].state;
        if (id == kNone) continue;
        const ir::State& state = source_.module->states[id];
        const bool is_copy = state.role == ir::StateRole::kCopy;
        add(is_copy ? state.source : id);
        hold(static_cast<ValueId>(v),
             is_copy ? rounded(source_.module->states[state.source].name) : state.name);
    }
}

/// Results are made by `Identity`, so that a value can be a result under two names; peephole
/// removes those that are not needed.
void Lowering::add_output(const std::string& name, ValueId v, const std::string& doc) {
    Graph& graph = here().graph;
    const auto has = [&](const auto& list) {
        return std::any_of(list.begin(), list.end(),
                           [&](const auto& one) { return one.name == name; });
    };
    const bool taken = has(graph.inputs) || has(graph.initializers) || has(graph.outputs);
    const std::string output = taken ? unique(name + ".result") : name;
    graph.nodes.push_back({"Identity", {full_value(v)}, {output}, {}, "", {}});
    graph.outputs.push_back({output, ElementType::kFloat, sizes(v), doc});
}

void Lowering::add_results() {
    operation_ = nullptr;
    for (const ir::NamedValue& result : source_.function->results)
        add_output(result.name, result.value, "");
    for (const ir::Update& update : source_.function->updates) {
        const ir::State& state = source_.module->states[update.state];
        if (state.role == ir::StateRole::kCopy) continue;
        const std::string name = state.name + ".next";
        names_.insert(name);
        add_output(name, update.value, fmt::format("what `{}` is after the step", state.name));
    }
}

/// A node that draws numbers: of a fixed shape, or like a tensor whose shape is known at run time.
std::string Lowering::drawn(bool normal, const Sizes& sizes) {
    const bool grows =
        std::any_of(sizes.begin(), sizes.end(), [](const Size& size) { return size.grows(); });
    const std::string op = normal ? "RandomNormal" : "RandomUniform";
    if (grows) return node(op + "Like", {node("ConstantOfShape", {shape(sizes)})});
    std::vector<int64_t> fixed;
    for (const Size& size : sizes) fixed.push_back(size.fixed);
    return node(op, {}, {{"shape", fixed}});
}

/// After the compiler's passes, several ops may draw from one stream, in shapes with the same
/// number of elements: they draw the same numbers. In loops each pass takes its part of a tensor
/// that is made before the loop, so that the scan of a gradient sees the numbers of the forward
/// pass, too.
void Lowering::random(bool normal, int64_t stream) {
    const Sizes& wanted = sizes(result_id());
    std::vector<int64_t> passes;
    for (size_t i = 1; i < scopes_.size(); ++i) passes.push_back(scopes_[i].passes);
    auto [found, is_new] = drawn_.try_emplace({stream, passes});
    auto& [name, have] = found->second;
    if (is_new) {
        have = wanted;
        Sizes all;
        for (const int64_t count : passes) all.push_back({count, 0});
        all.insert(all.end(), wanted.begin(), wanted.end());
        if (noise_ == Noise::kInside) {
            name = drawn(normal, all);
        } else {
            name = unique(fmt::format("{}_{}", normal ? "normal" : "uniform", stream));
            scopes_[0].graph.inputs.push_back({name, ElementType::kFloat, all, noise_doc(normal)});
        }
    }
    std::string part = name;
    for (size_t i = 1; i < scopes_.size(); ++i) {
        Sizes sizes;
        for (size_t inner = i; inner < passes.size(); ++inner) sizes.push_back({passes[inner], 0});
        sizes.insert(sizes.end(), have.begin(), have.end());
        part = element(i, part, sizes);
    }
    set(have == wanted ? part : reshape(part, wanted));
}

void Lowering::progress(const std::string& name, double value) {
    Graph& graph = scopes_[0].graph;
    const auto has = [&](const ValueInfo& input) { return input.name == name; };
    if (std::none_of(graph.inputs.begin(), graph.inputs.end(), has)) {
        const std::string doc = "how far training is; by default where the run stands";
        names_.insert(name);
        graph.inputs.push_back({name, ElementType::kFloat, {}, doc});
        graph.initializers.push_back(
            {name, {}, std::vector<float>{static_cast<float>(value)}, doc});
    }
    set(name);
}

}  // namespace gmc::onnx
