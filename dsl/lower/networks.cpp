// Applies networks to arguments, layer by layer (Application), and declares all networks of a model
// by applying each once to placeholders (Declarer), which also yields the summaries.
#include "dsl/lower/networks.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "dsl/lower/activations.h"
#include "dsl/lower/loops/scan_builder.h"
#include "dsl/lower/tensors.h"
#include "dsl/model_view.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::ValueId;

/// Work of one op: two per multiply-add of a contraction, otherwise one per element of the result.
int64_t flops_of(FunctionScope& f, const ir::Function& function, const ir::Operation& op) {
    if (const auto* scan = op.as<ir::Scan>()) {
        int64_t pass = 0;
        for (const ir::Function& body : f.bodies())
            for (size_t i = 0; body.name == scan->body && i < body.operations.size(); ++i)
                pass += flops_of(f, body, body.operations[i]);
        return pass * scan->count;
    }
    const auto elements = [&](ValueId v) { return function.type(v).elements(); };
    if (const auto* matmul = op.as<ir::Matmul>()) {
        const ir::Shape& shape = function.type(op.operands[0]).shape;
        return 2 * elements(op.result()) * shape[shape.size() - (matmul->transpose_a ? 2 : 1)];
    }
    // Each element of the smaller image is multiplied with each weight once.
    if (op.as<ir::Conv>() != nullptr)
        return 2 * elements(op.result()) * elements(op.operands[1]) /
               function.type(op.result()).shape.back();
    if (op.as<ir::ConvBackwardData>() != nullptr)
        return 2 * elements(op.operands[0]) * elements(op.operands[1]) /
               function.type(op.operands[0]).shape.back();
    if (op.as<ir::Reshape>() != nullptr || op.as<ir::Broadcast>() != nullptr ||
        op.info().has(ir::kGenerator))
        return 0;
    return elements(op.info().has(ir::kReduction) ? op.operands[0] : op.result());
}

/// One application of a network to arguments. Layers are built in the order of the file; each one's
/// result is kept under its name, so that `from` of later layers finds it.
class Application {
  public:
    Application(FunctionScope& f, const dsl::NetworkSpec& network, NetworkSummary* summary)
        : f_(f), network_(network), summary_(summary) {}

    /// For the layers inside a shared `repeat`: `f` is the body of its scan, and `outer` the
    /// application around it.
    Application(FunctionScope& f, const Application& outer, std::string prefix)
        : f_(f),
          network_(outer.network_),
          summary_(nullptr),
          outer_(&outer),
          prefix_(std::move(prefix)) {}

    /// The trunk first; then each named output goes on from its end by itself.
    bool run(const std::vector<ValueId>& arguments, NetworkOutputs& outputs) {
        for (size_t i = 0; i < arguments.size(); ++i)
            named_[network_.inputs[i].name] = arguments[i];
        ValueId current = arguments.front();
        if (!chain(network_.layers, "", current)) return false;
        if (network_.outputs.empty()) outputs[""] = current;
        for (const dsl::NetworkOutput& output : network_.outputs) {
            ValueId head = current;
            if (!chain(output.layers, output.name, head)) return false;
            outputs[output.name] = head;
        }
        return true;
    }

  private:
    /// Builds layers one after another. What is wrong inside of a block is so where it is used.
    bool chain(const std::vector<dsl::LayerSpec>& layers, const std::string& output,
               ValueId& current) {
        Diagnostics& diagnostics = f_.m.diagnostics;
        for (const dsl::LayerSpec& layer : layers) {
            const size_t errors = diagnostics.count();
            if (link(layer, output, current)) continue;
            dsl::note_block(layer, errors, diagnostics);
            return false;
        }
        return true;
    }

    /// Builds one layer on the result of the one before, `current`, unless it has `from`.
    bool link(const dsl::LayerSpec& layer, const std::string& output, ValueId& current) {
        LayerScope scope{f_, layer, "", {current}};
        if (!layer.from.empty() && !take_inputs(layer, current, scope.inputs)) return false;
        const std::string name = name_of(layer, output);
        scope.path = network_.name + "." + name;
        current = apply(scope, name, output);
        if (current == kNone) return false;
        named_[name] = current;
        for (const auto& [result, value] : scope.results) named_[name + "." + result] = value;
        return true;
    }

    /// The values that `from` names, in that order; "" is the result of the layer before.
    bool take_inputs(const dsl::LayerSpec& layer, ValueId current, std::vector<ValueId>& inputs) {
        inputs.clear();
        for (const std::string& from : layer.from) {
            const ValueId found = from.empty() ? current : find(from);
            if (found != kNone) {
                inputs.push_back(found);
                continue;
            }
            std::vector<std::string> names;
            for (const auto& [name, value] : named_) names.push_back(name);
            Diagnostic& d =
                f_.m.diagnostics.error(DiagnosticKind::kUnknownName, layer.from_span,
                                       "no layer or input `{}` comes before this layer", from);
            const std::string near = nearest_name(from, names);
            if (!near.empty()) d.help(fmt::format("did you mean `{}`?", near));
            return false;
        }
        return true;
    }

    /// The value of this name; in a body also of what is outside. kNone: there is none.
    ValueId find(const std::string& name) const {
        const auto found = named_.find(name);
        if (found != named_.end()) return found->second;
        const ValueId outside = outer_ ? outer_->find(name) : kNone;
        if (outside == kNone) return kNone;
        const auto same = outer_->f_.same_for_all.find(outside);
        if (same == outer_->f_.same_for_all.end()) return f_.capture(outside);
        return f_.for_each_example(f_.capture(same->second));
    }

    /// The layers of a shared `repeat`, as a scan.
    ValueId repeat(LayerScope& scope) {
        const dsl::LayerSpec& spec = scope.spec;
        ScanBuilder scan(f_, fmt::format("{}.{}", network_.name, spec.prefix));
        Application inside(scan.body(), *this, spec.prefix + ".");
        ValueId current = scan.carry(spec.prefix, scope.x());
        inside.named_[spec.prefix + ".input"] = current;
        if (!inside.chain(spec.layers, "", current)) return kNone;
        const ir::Shape shape = scan.body().b.shape(current);
        if (shape != scope.shape())
            return scope.wrong_shape(
                "", fmt::format("a shared `repeat` keeps the shape, but its layers make {} of {}",
                                ir::to_string(example_of(shape)),
                                ir::to_string(example_of(scope.shape()))));
        return scan.finish(spec.integer("times"), {current}, {}).last[0];
    }

    /// The name of a layer: as given; or that of the output it leads to; or else `dense`,
    /// `dense_1`, ... as in Keras.
    std::string name_of(const dsl::LayerSpec& layer, const std::string& output) {
        if (!layer.name.empty()) return layer.name;
        const std::string& kind = layer.callee.empty() ? layer.kind : layer.callee;
        const std::string base = prefix_ + (output.empty() ? kind : output);
        const int uses = uses_[base]++;
        return uses == 0 ? base : fmt::format("{}_{}", base, uses);
    }

    /// Builds one layer and then its activation. The numbers of ops and states before it tell
    /// afterwards which of them are its own, for the summary.
    ValueId apply(LayerScope& scope, const std::string& name, const std::string& output) {
        const auto builder = layer_builders().find(scope.spec.kind);
        const bool repeats = scope.spec.kind == "repeat";
        GMC_CHECK(repeats || builder != layer_builders().end(), "layer `{}` has no builder",
                  scope.spec.kind);
        f_.b.set_location(f_.m.locate(scope.spec.span));
        const bool training = f_.training;
        f_.training = training && !f_.m.is_frozen(network_, scope.path);
        const size_t ops_before = f_.function.operations.size(),
                     states_before = f_.m.module.states.size();
        ValueId result = repeats ? repeat(scope) : builder->second(scope);
        f_.training = training;
        if (result != kNone && !fits(scope, result)) return kNone;
        if (result != kNone && scope.spec.has("activation"))
            result = apply_activation(scope, scope.spec.word("activation"), result);
        if (result != kNone && summary_ != nullptr)
            summarize(scope, name, output, result, ops_before, states_before);
        return result;
    }

    /// Reports an example that is larger than the language allows. Layers multiply sizes, so each
    /// of them is checked.
    bool fits(const LayerScope& scope, ValueId result) {
        const ir::Shape shape = example_of(f_.b.shape(result));
        double elements = 1;  // a double, since the product may overflow an integer
        for (const int64_t size : shape) elements *= static_cast<double>(size);
        if (elements <= dsl::kMostElements) return true;
        f_.m.diagnostics.error(
            DiagnosticKind::kTooLarge, scope.spec.span,
            "`{}` makes {} of {}, {:.3g} numbers per example; at most {:.3g} fit", scope.spec.kind,
            ir::to_string(shape), ir::to_string(example_of(scope.shape())), elements,
            dsl::kMostElements);
        return false;
    }

    /// Parameters and statistics are those states that were declared while the layer was built. So
    /// a layer whose states exist already, in a second application, would show none; summaries are
    /// taken at the first.
    void summarize(const LayerScope& scope, const std::string& name, const std::string& output,
                   ValueId result, size_t ops_before, size_t states_before) {
        const dsl::LayerSpec& spec = scope.spec;
        LayerSummary s{name,
                       spec.callee.empty() ? spec.kind : spec.callee,
                       example_of(f_.b.shape(result)),
                       0,
                       0,
                       0,
                       output};
        for (size_t i = states_before; i < f_.m.module.states.size(); ++i) {
            const ir::State& state = f_.m.module.states[i];
            (state.role == ir::StateRole::kParameter ? s.parameters : s.statistics) +=
                state.type.elements();
        }
        for (size_t i = ops_before; i < f_.function.operations.size(); ++i)
            s.flops += flops_of(f_, f_.function, f_.function.operations[i]);
        s.flops /= f_.m.batch;
        summary_->layers.push_back(std::move(s));
    }

    FunctionScope& f_;
    const dsl::NetworkSpec& network_;
    NetworkSummary* summary_;
    std::map<std::string, ValueId> named_;
    const Application* outer_ = nullptr;
    std::string prefix_;  ///< of names, inside a `repeat`
    std::map<std::string, int> uses_;
};

}  // namespace

/// `like: data.image` takes the shape of a field; otherwise the shape is written out.
bool input_shape(ModuleScope& m, const dsl::NetworkInput& input, ir::Shape& shape) {
    shape = input.shape;
    if (input.like.empty()) return true;
    std::vector<std::string> names;
    for (const dsl::DataField& field : m.spec.data) {
        names.push_back("data." + field.name);
        if (names.back() != input.like) continue;
        shape = field.shape;
        return true;
    }
    Diagnostic& d = m.diagnostics.error(DiagnosticKind::kUnknownName, input.span,
                                        "input `{}` is shaped like `{}`, which does not exist",
                                        input.name, input.like);
    const std::string near = nearest_name(input.like, names);
    if (!near.empty()) d.help(fmt::format("did you mean `{}`?", near));
    return false;
}

bool apply_network(FunctionScope& f, const dsl::NetworkSpec& network,
                   const std::vector<ValueId>& arguments, NetworkOutputs& outputs,
                   NetworkSummary* summary) {
    // A value that is put into an input shaped like a field has the classes of that field.
    for (size_t i = 0; i < arguments.size(); ++i)
        for (const dsl::DataField& field : f.m.spec.data)
            if (network.inputs[i].like == "data." + field.name)
                f.fields.insert({arguments[i], &field});
    const ir::Location outside = f.b.location();
    const bool training = f.training;
    f.training = training && f.m.frozen_networks.count(network.name) == 0;
    const bool done = Application(f, network, summary).run(arguments, outputs);
    f.training = training;
    f.b.set_location(outside);
    return done;
}

namespace {

/// Whether training leaves the network as it is: it says so, or has parameters and no entry of
/// `minimize` trains them. (What has none, such as a network of noise, is part of what uses it.)
bool is_left_alone(const dsl::ModelSpec& spec, const dsl::NetworkSpec& network,
                   const NetworkSummary& summary) {
    if (network.is_frozen()) return true;
    for (const dsl::MinimizeSpec& entry : spec.objective.minimize)
        for (const std::string& trained : entry.networks)
            if (trained == network.name) return false;
    return std::any_of(summary.layers.begin(), summary.layers.end(),
                       [](const LayerSummary& layer) { return layer.parameters > 0; });
}

/// Applies a network to placeholders, after those that its layers apply: so each declares its own
/// parameters. The function built here is thrown away. Only what it declared in the module, and the
/// summaries, stay.
class Declarer {
  public:
    explicit Declarer(ModuleScope& m) : m_(m) {}

    bool declare(const dsl::NetworkSpec& network) {
        if (!summaries.try_emplace(network.name).second) return true;
        bool fine = true;
        for (const std::string& inner : m_.view.networks_within(network.name))
            fine &= declare(*m_.view.network(inner));
        FunctionScope f(m_, "declare", false);
        NetworkSummary summary{network.name, network.role, false, {}, {}};
        if (network.is_parameter) {
            const ir::Type& type = f.b.type(parameter_value(f, network).value);
            summary.layers.push_back({kTensorName, std::string(dsl::kParameterLayer), type.shape,
                                      type.elements(), 0, 0, ""});
        }
        std::vector<ValueId> arguments;
        for (const dsl::NetworkInput& input : network.inputs) {
            ir::Shape shape;
            fine &= input_shape(m_, input, shape);
            summary.inputs.emplace_back(input.name, shape);
            arguments.push_back(
                f.function.add_value(input.name, ir::f32(batched(m_.batch, shape))));
        }
        NetworkOutputs outputs;
        fine = fine &&
               (network.is_parameter || apply_network(f, network, arguments, outputs, &summary));
        summary.frozen = is_left_alone(m_.spec, network, summary);
        if (summary.frozen) m_.frozen_networks.insert(network.name);
        summaries[network.name] = std::move(summary);
        return fine;
    }

    std::map<std::string, NetworkSummary> summaries;

  private:
    ModuleScope& m_;
};

}  // namespace

bool declare_networks(ModuleScope& m, std::vector<NetworkSummary>& summaries) {
    bool fine = true;
    Declarer declarer(m);
    for (const dsl::NetworkSpec& network : m.spec.networks) fine &= declarer.declare(network);
    for (const dsl::NetworkSpec& network : m.spec.networks)
        summaries.push_back(std::move(declarer.summaries[network.name]));
    FunctionScope f(m, "declare", false);
    for (const dsl::StateSpec& state : m.spec.objective.states) state_value(f, state);
    return fine;
}

}  // namespace gmc::lower
