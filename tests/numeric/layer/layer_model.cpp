// Writes the model around the layers, compiles it, and compares the gradients of its functions with
// differences.
#include "tests/numeric/layer/layer_model.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compiler/passes/differentiate.h"
#include "tests/compile_model.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {
namespace {

/// As in gradient_differences.cpp.
constexpr double kModelStep = 0x1p-10;

/// The text of the model, in a file that is removed after it was read.
class ModelFile {
  public:
    ModelFile(const std::string& input, const std::vector<std::string>& layers)
        : path_(std::filesystem::temp_directory_path() /
                ("gmc-layer-" + std::to_string(getpid()) + ".yaml")) {
        std::ofstream file(path_);
        file << "model: t\ndata: {image: {synthetic: shapes}}\nnetworks:\n"
             << "  net:\n    inputs: {x: " << input << "}\n    layers:\n";
        for (const std::string& layer : layers) file << "      - " << layer << "\n";
        // A parameter of its own, so that networks without parameters can be trained too.
        file << "  other: {inputs: {u: [1]}, layers: [{dense: 1}]}\n"
             << "objective:\n  minimize:\n"
             << "    - networks: [" << (has_parameters(layers) ? "net" : "other") << "]\n"
             << "      loss: mean(sum(net(normal(net))^3)) + mean(other(normal(other)))\n"
             << "  functions:\n    apply(x): net(x)\n    value(x): sum(net(x)^3)\n"
             << "    slope(x): grad(sum(net(x)^3), x)\n"
             << "    steepness(x): sum(grad(sum(net(x)^3), x)^2)\n"
             << "    bend(x): grad(sum(grad(sum(net(x)^3), x)^2), x)\n"
             << "train: {batch_size: 2, optimizer: {sgd: {learning_rate: 1}}}\n";
    }
    ~ModelFile() { std::filesystem::remove(path_); }
    std::string path() const { return path_.string(); }

  private:
    static bool has_parameters(const std::vector<std::string>& layers) {
        for (const std::string& layer : layers)
            for (const char* word : {"conv", "dense", "prelu"})
                if (layer.find(word) != std::string::npos) return true;
        return false;
    }
    std::filesystem::path path_;
};

/// Numbers 0.04 apart in random order. 0.013 keeps all of them away from 0, where relu has a kink.
std::vector<double> distinct(TestRandom& random, int64_t count) {
    std::vector<double> numbers;
    for (int64_t i = 0; i < count; ++i)
        numbers.push_back(0.04 * (static_cast<double>(i) - static_cast<double>(count) / 2) + 0.013);
    random.shuffle(numbers);
    return numbers;
}

const ir::Function& function_of(const ir::Module& module, std::string_view name) {
    for (const ir::Function& function : module.functions)
        if (function.name == name) return function;
    FAIL("no function " << name);
    return module.functions[0];
}

/// df/dx of one element by central differences with steps h and h/2; errors of order h^2 cancel.
template <typename Value>
double difference_quotient(double& element, const Value& f) {
    const double x = element;
    const auto central = [&](double h) {
        element = x + h;
        const double above = f();
        element = x - h;
        const double below = f();
        element = x;
        return (above - below) / (2 * h);
    };
    return (4 * central(kModelStep / 2) - central(kModelStep)) / 3;
}

double total(const std::vector<double>& numbers) {
    double sum = 0;
    for (double number : numbers) sum += number;
    return sum;
}

}  // namespace

LayerModel::LayerModel(const std::string& input, const std::vector<std::string>& layers) {
    const ModelFile file(input, layers);
    Diagnostics diagnostics;
    auto spec = dsl::read_model({file.path(), {}, {}}, diagnostics);
    if (!spec.ok()) FAIL(diagnostics.render());
    auto module = lower::build_module(*spec, diagnostics);
    if (!module.ok()) FAIL(diagnostics.render());
    compiled_ = *module;
    if (!passes::run_stages(compiled_, pipeline(), {}, diagnostics).ok())
        FAIL(diagnostics.render());
    module_ = module.take();
    if (!passes::differentiate(module_, diagnostics).ok()) FAIL(diagnostics.render());
    TestRandom random(1);
    for (size_t i = 0; i < module_.states.size(); ++i)
        inputs_.states[module_.states[i].name] =
            distinct(random, module_.states[i].type.elements());
    const ir::Function& apply = function_of(module_, "apply");
    for (const auto& one : apply.inputs)
        inputs_.inputs["x"] = distinct(random, apply.type(one.value).elements());
}

const std::vector<double>& LayerModel::parameter(const std::string& name) const {
    const auto found = inputs_.states.find(name);
    if (found == inputs_.states.end()) FAIL("no parameter " << name);
    return found->second;
}

std::vector<double> LayerModel::run(const std::string& function, const RunInputs& inputs) const {
    return run_by_reference(module_, function_of(module_, function), inputs).at(function);
}

ir::Shape LayerModel::shape_of(const std::string& function) const {
    const ir::Function& f = function_of(module_, function);
    return f.type(f.results[0].value).shape;
}

std::string LayerModel::check_slope(const std::string& f, const std::string& gradient) const {
    RunInputs at = inputs_;
    std::vector<double> expected;
    for (double& element : at.inputs.at("x"))
        expected.push_back(difference_quotient(element, [&] { return total(run(f, at)); }));
    return difference(gradient, run(gradient), expected, kGradient);
}

/// With plain gradient descent at rate 1, a step moves a parameter by exactly its gradient, so old
/// minus new values are compared with differences of the loss.
std::string LayerModel::check_step() const {
    const ir::Function& step = function_of(module_, "step");
    RunInputs at = inputs_;
    at.inputs.clear();
    const RunOutputs outputs = run_by_reference(module_, step, at);
    std::string wrong;
    bool trained = false, has_parameters = false;
    for (auto& [name, numbers] : at.states) {
        has_parameters = has_parameters || name.starts_with("net.");
        if (!name.starts_with("net.") || outputs.count("@" + name) == 0) continue;
        trained = true;
        std::vector<double> found = numbers, expected;
        for (size_t i = 0; i < found.size(); ++i) found[i] -= outputs.at("@" + name)[i];
        for (double& element : numbers)
            expected.push_back(difference_quotient(
                element, [&] { return run_by_reference(module_, step, at).at("loss")[0]; }));
        wrong += difference("d/d" + name, found, expected, kGradient);
    }
    REQUIRE(trained == has_parameters);
    return wrong;
}

std::string LayerModel::check_gradients() const {
    return check_slope("value", "slope") + check_slope("steepness", "bend") + check_step();
}

std::string LayerModel::check_fast_path() const {
    std::string wrong;
    for (const char* name : {"apply", "bend", "step"}) {
        RunInputs inputs = inputs_;
        if (std::string(name) == "step") inputs.inputs.clear();
        wrong += compare_fast_path(compiled_, function_of(compiled_, name), inputs);
    }
    return wrong;
}

}  // namespace gmc::tests
