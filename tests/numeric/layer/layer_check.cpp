// Builds the network with the language's reader and with dsl/lower. The random weights of sums are
// inputs of the function as well.
#include "tests/numeric/layer/layer_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compiler/passes/differentiate.h"
#include "compiler/passes/pass_manager.h"
#include "compiler/pipeline.h"
#include "compiler/support/check.h"
#include "dsl/lower/networks.h"
#include "runtime/states/initializer.h"
#include "tests/numeric/reference_comparison.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {
namespace {

/// Small, since every element of every tensor is moved for differences, but above 1, so that what a
/// batch has in common shows.
constexpr int kBatch = 3;
/// As in gradient_differences.cpp.
constexpr double kStep = 0x1p-10;

dsl::ModelSpec read(const std::string& inputs, const std::string& layers,
                    const std::string& outputs, Diagnostics& diagnostics) {
    const std::string path =
        std::filesystem::temp_directory_path() / fmt::format("gmc-layers-{}.yaml", getpid());
    std::ofstream(path) << fmt::format(
        "model: t\n"
        "data: {{image: {{synthetic: shapes}}, label: {{labels_of: image}}}}\n"
        "networks: {{net: {{inputs: {{{}}}, layers: [{}]{}}}}}\n"
        "objective: {{minimize: [{{networks: [net], loss: 0}}]}}\n"
        "train: {{batch_size: {}}}\n",
        inputs, layers, outputs.empty() ? "" : ", outputs: {" + outputs + "}", kBatch);
    Result<dsl::ModelSpec> spec = dsl::read_model({path, {}, {}}, diagnostics);
    std::filesystem::remove(path);
    GMC_CHECK(spec.ok(), "{}", diagnostics.render());
    return spec.take();
}

Numbers random_numbers(TestRandom& random, int64_t count) {
    Numbers numbers(static_cast<size_t>(count));
    for (double& number : numbers) number = random.uniform(-1, 1);
    return numbers;
}

/// The result that is the gradient by `name`, an input or a parameter such as "@net.dense.bias".
std::string slope_name(const std::string& name) {
    return "d." + name.substr(name[0] == '@' ? 1 : 0);
}

/// sum(x * the input `name`), which is created here.
ir::ValueId weighted(lower::FunctionScope& f, ir::ValueId x, const std::string& name) {
    const ir::ValueId weights = f.input(name, {}, f.b.shape(x));
    return f.b.reduce_sum(f.b.mul(x, weights), ir::all_axes(f.b.type(x).rank()));
}

}  // namespace

LayerCheck::LayerCheck(const std::string& inputs, const std::string& layers, bool training,
                       const std::string& outputs)
    : inputs_text_(inputs), layers_(layers), outputs_(outputs), training_(training) {
    TestRandom random(7);
    std::vector<std::string> by;
    for (int order = 0; order <= 2; ++order) {
        module_ = build(order, by);
        const ir::Function& f = module_.functions[0];
        for (const ir::Input& input : f.inputs) {
            const std::string& name = f.values[input.value].name;
            if (inputs_.count(name) != 0) continue;
            inputs_[name] = random_numbers(random, f.type(input.value).elements());
            for (size_t i = 0; input.source.field == "label" && i < inputs_[name].size(); ++i)
                inputs_[name][i] = static_cast<double>(i);
        }
    }
    for (size_t s = 0; s < module_.states.size(); ++s)
        states_[static_cast<ir::StateId>(s)] =
            random_numbers(random, module_.states[s].type.elements());
}

/// Builds the function for an order: 0, the results of the network; 1, their weighted sum f and its
/// gradient by all parameters and inputs; 2, the weighted sum of that gradient as f, and its
/// gradient. `by` gets the names of what is differentiated by, "@" before those of states.
ir::Module LayerCheck::build(int order, std::vector<std::string>& by) const {
    Diagnostics diagnostics;
    const dsl::ModelSpec spec = read(inputs_text_, layers_, outputs_, diagnostics);
    ir::Module module;
    lower::ModuleScope m{spec, module, diagnostics, kBatch};
    lower::FunctionScope f(m, "f", training_);
    std::vector<ir::ValueId> arguments, variables;
    by.clear();
    for (const dsl::NetworkInput& input : spec.networks[0].inputs) {
        ir::Shape shape;
        GMC_CHECK(lower::input_shape(m, input, shape), "no input {}", input.name);
        const ir::InputSource source =
            input.like.empty() ? ir::InputSource{} : ir::input_source(input.like).value();
        arguments.push_back(f.input(input.name, source, lower::batched(kBatch, shape)));
        if (input.like == "data.label") continue;
        variables.push_back(arguments.back());
        by.push_back(input.name);
    }
    lower::NetworkOutputs outputs;
    GMC_CHECK(lower::apply_network(f, spec.networks[0], arguments, outputs, nullptr), "{}",
              diagnostics.render());
    for (size_t s = 0; s < module.states.size(); ++s) {
        if (module.states[s].role != ir::StateRole::kParameter) continue;
        variables.push_back(f.state(static_cast<ir::StateId>(s)));
        by.push_back("@" + module.states[s].name);
    }
    if (order == 0) {
        for (const auto& [name, value] : outputs) f.function.results.push_back({name, value});
    } else {
        const auto differentiate = [&](ir::ValueId scalar) {
            ir::Operation op{ir::Gradient{}, {scalar}, {}, {}, {}};
            for (const ir::ValueId v : variables) {
                op.operands.push_back(v);
                op.results.push_back(f.function.add_value("d", f.b.type(v)));
            }
            f.function.operations.push_back(op);
            return op.results;
        };
        ir::ValueId scalar = f.b.constant(0);
        for (const auto& [name, value] : outputs)
            scalar = f.b.add(scalar, weighted(f, value, "w_" + name));
        std::vector<ir::ValueId> slopes = differentiate(scalar);
        if (order == 2) {
            scalar = f.b.constant(0);
            for (size_t i = 0; i < slopes.size(); ++i)
                scalar = f.b.add(scalar, weighted(f, slopes[i], fmt::format("v{}", i)));
            slopes = differentiate(scalar);
        }
        f.function.results.push_back({"f", scalar});
        for (size_t i = 0; i < slopes.size(); ++i)
            f.function.results.push_back({slope_name(by[i]), slopes[i]});
    }
    module.functions.push_back(f.finish());
    GMC_CHECK(passes::differentiate(module, diagnostics).ok(), "{}", diagnostics.render());
    return module;
}

Numbers& LayerCheck::state(const std::string& name) {
    const ir::StateId id = module_.find_state("net." + name);
    GMC_CHECK(id != ir::kNone, "no state {}", name);
    return states_.at(id);
}

Numbers LayerCheck::initial(const std::string& name) const {
    const ir::StateId id = module_.find_state("net." + name);
    GMC_CHECK(id != ir::kNone, "no state {}", name);
    const ir::State& state = module_.states[id];
    std::vector<float> numbers(static_cast<size_t>(state.type.elements()));
    const std::string error =
        runtime::fill_initial(state.initializer, state.type.shape, 1, numbers.data());
    GMC_CHECK(error.empty(), "{}", error);
    return {numbers.begin(), numbers.end()};
}

std::map<std::string, Numbers> LayerCheck::run() {
    std::vector<std::string> by;
    const ir::Module module = build(0, by);
    runtime::ReferenceStates states = states_;
    const runtime::ReferenceResult result =
        runtime::run_reference(module, module.functions[0], inputs_, states, call_);
    std::map<std::string, Numbers> out;
    for (const auto& [name, tensor] : result.results) out[name] = tensor.data;
    for (const ir::Update& update : module.functions[0].updates)
        out["@" + module.states[update.state].name.substr(4)] = states.at(update.state);
    return out;
}

std::map<std::string, Numbers> LayerCheck::slopes() const {
    std::vector<std::string> by;
    const ir::Module module = build(1, by);
    runtime::ReferenceStates states = states_;
    const auto results =
        runtime::run_reference(module, module.functions[0], inputs_, states, call_).results;
    std::map<std::string, Numbers> out;
    for (const std::string& name : by) out[name] = results.at(slope_name(name)).data;
    return out;
}

std::string LayerCheck::fast_path() const {
    std::vector<std::string> by;
    const ir::Module before = build(1, by);
    ir::Module module = before;
    Diagnostics diagnostics;
    GMC_CHECK(passes::run_stages(module, pipeline(), {}, diagnostics).ok(), "{}",
              diagnostics.render());
    const ir::Function& f = module.functions[0];
    RunInputs run;
    // Passes may have changed their order.
    for (const auto& [id, values] : states_)
        run.states[before.states[static_cast<size_t>(id)].name] = values;
    for (const ir::Input& input : f.inputs)
        run.inputs[f.values[input.value].name] = inputs_.at(f.values[input.value].name);
    return compare_fast_path(module, f, run);
}

/// Every element of every variable is moved by itself and the whole function run four times, so
/// networks under test have to be small.
std::string LayerCheck::gradients(int order) {
    std::vector<std::string> by;
    const ir::Module module = build(order, by);
    const auto run_at = [&] {
        runtime::ReferenceStates states = states_;
        return runtime::run_reference(module, module.functions[0], inputs_, states, call_).results;
    };
    const auto slopes = run_at();
    std::string text;
    for (const std::string& name : by) {
        Numbers& x =
            name[0] == '@' ? states_.at(module.find_state(name.substr(1))) : inputs_.at(name);
        Numbers expected;
        for (double& element : x) {
            const double at = element;
            const auto slope = [&](double step) {
                element = at + step;
                const double above = run_at().at("f").data[0];
                element = at - step;
                const double below = run_at().at("f").data[0];
                element = at;
                return (above - below) / (2 * step);
            };
            expected.push_back((4 * slope(kStep / 2) - slope(kStep)) / 3);  // Richardson
        }
        text += difference(slope_name(name), slopes.at(slope_name(name)).data, expected, kGradient);
    }
    return text;
}

}  // namespace gmc::tests
