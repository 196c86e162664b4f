// Builds the functions of a module: training steps, evaluation, and those that the author names.
#include "dsl/lower/build.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "compiler/support/wording.h"
#include "dsl/checks/checks.h"
#include "dsl/lower/contract.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/flow/result_like.h"
#include "dsl/lower/networks.h"
#include "dsl/lower/optimizers/training.h"
#include "dsl/lower/set_figures.h"
#include "dsl/lower/summary.h"
#include "dsl/values.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::StateId;
using ir::ValueId;

/// Whether `result` is computed from an input of the function or from a state.
bool uses_inputs(const ir::Function& function, ValueId result) {
    std::set<ValueId> reached{result};
    for (size_t i = function.operations.size(); i-- > 0;) {
        const ir::Operation& op = function.operations[i];
        for (const ValueId made : op.results)
            if (reached.count(made) != 0) reached.insert(op.operands.begin(), op.operands.end());
    }
    return std::any_of(reached.begin(), reached.end(), [&](ValueId value) {
        return function.values[value].state != kNone ||
               std::any_of(function.inputs.begin(), function.inputs.end(),
                           [&](const ir::Input& input) { return input.value == value; });
    });
}

/// Removes inputs of data of which only the shape is used, as in normal(image). Parameters stay.
void drop_unused_fields(ir::Function& function, const dsl::FunctionSpec& spec) {
    std::set<ValueId> used;
    for (const ir::Operation& op : function.operations)
        used.insert(op.operands.begin(), op.operands.end());
    for (const ir::NamedValue& result : function.results) used.insert(result.value);
    std::erase_if(function.inputs, [&](const ir::Input& input) {
        const std::string& name = function.values[input.value].name;
        return input.source.kind == ir::InputSource::Kind::kData && used.count(input.value) == 0 &&
               std::count(spec.parameters.begin(), spec.parameters.end(), name) == 0;
    });
}

/// Builds one module: all networks are declared first, on placeholders, so that parameters stand in
/// the order of the file however the functions use them; then the training functions, the
/// evaluation and the author's functions are built. Each stage goes on after errors as long as the
/// next one can say something new.
class ModuleBuilder {
  public:
    ModuleBuilder(const dsl::ModelSpec& spec, Diagnostics& diagnostics)
        : spec_(spec),
          diagnostics_(diagnostics),
          m_{spec, module_, diagnostics, spec.train.batch_size} {}

    /// The checks of dsl/checks, which only warn, come last: they need a model without errors.
    Result<ir::Module> run() {
        module_.name = spec_.name;
        m_.locate(spec_.begin);  // the model's own file is the first, whatever it extends
        for (const dsl::DataField& field : spec_.data)
            check_size(ir::f32(batched(m_.batch, field.shape)), m_.locate(field.span));
        std::vector<NetworkSummary> summaries;
        if (!declare_networks(m_, summaries)) return Failure{};
        for (const NetworkSummary& network : summaries)
            for (const LayerSummary& layer : network.layers)
                m_.output_shapes[{network.name, layer.output}] = layer.shape;
        const size_t errors_before = diagnostics_.count();
        for (const NetworkSummary& network : summaries) check_frozen_layers(network);
        write_networks(m_);
        for (const dsl::MinimizeSpec& entry : spec_.objective.minimize) m_.declare_averages(entry);
        build_training(m_);
        evaluation();
        watch_numbers();
        for (const auto& watched : {spec_.train.keep_best, spec_.train.early_stopping})
            if (watched) check_watched(*watched);
        if (spec_.train.validate_test && spec_.test.empty())
            diagnostics_
                .error(DiagnosticKind::kMissingKey, spec_.train.validate_span,
                       "`validate: test` needs test data, and `data` names none")
                .help("give `test:` there, or a share of the training data: `validate: 0.1`");
        for (const dsl::FunctionSpec& function : spec_.objective.functions) user_function(function);
        check_unused_lets();
        if (diagnostics_.count() > errors_before) return Failure{};
        check_model(spec_, facts(summaries), diagnostics_);
        write_contract(spec_, m_.label_classes, module_);
        write_results_like(evidence_, applied_, m_);
        write_rate_ends(m_);
        for (const NetworkSummary& network : summaries)
            for (const LayerSummary& layer : network.layers)
                module_.layers.push_back(
                    {network.name + "." + layer.name, layer.kind, layer.shape});
        return std::move(module_);
    }

    const ir::Module& module() const { return module_; }

  private:
    /// Reports names in `frozen_layers` that no layer of the network begins with.
    void check_frozen_layers(const NetworkSummary& network) {
        const dsl::NetworkSpec* spec = m_.view.network(network.name);
        if (spec == nullptr || !spec->weights) return;
        std::vector<std::string> known;
        for (const LayerSummary& layer : network.layers) known.push_back(layer.name);
        for (size_t i = 0; i < spec->weights->frozen_layers.size(); ++i) {
            const std::string& name = spec->weights->frozen_layers[i];
            if (std::none_of(known.begin(), known.end(), [&](const std::string& layer) {
                    return (layer + ".").starts_with(name + ".");
                }))
                dsl::report_unknown(DiagnosticKind::kUnknownName,
                                    spec->weights->frozen_layer_spans[i],
                                    fmt::format("`{}` has no layer `{}`", network.name, name), name,
                                    known, diagnostics_);
        }
    }

    /// What the checks of dsl/checks need: the shape of a network's only output, and whether it has
    /// parameters at all.
    static dsl::Facts facts(const std::vector<NetworkSummary>& summaries) {
        dsl::Facts out;
        for (const NetworkSummary& network : summaries) {
            dsl::NetworkFacts& facts = out[network.name];
            if (!network.layers.empty() && network.layers.back().output.empty())
                facts.shape = network.layers.back().shape;
            for (const LayerSummary& layer : network.layers) facts.parameters += layer.parameters;
        }
        return out;
    }

    // ---- evaluation and the author's functions ----

    /// `evaluate` has the input `valid`, since the last batch of a data set may be filled up with
    /// examples that must not count.
    void evaluation() {
        if (diagnostics_.any())
            return;  // reported already: the training functions have the same expressions
        FunctionScope f(m_, "evaluate", false);
        f.valid = f.input("valid", {ir::InputSource::Kind::kValid, ""}, {m_.batch});
        Evaluator e(f);
        for (const dsl::MinimizeSpec& entry : spec_.objective.minimize)
            if (loss_and_metrics(e, entry) == kNone) return;
        ir::Function built = f.finish();
        write_figure_fields(built, m_);
        evidence_ = data_evidence(built, f.applied);
        std::optional<ir::Function> figures = figures_of_set(f, built);
        module_.functions.push_back(std::move(built));
        if (figures) module_.functions.push_back(std::move(*figures));
    }

    /// `bounds` computes the numbers of training that may come to be what they must not be, of
    /// those that depend on the time alone. What depends on data is tried apart, and thrown away.
    void watch_numbers() {
        if (diagnostics_.any() || m_.watched.empty()) return;
        FunctionScope f(m_, "bounds", false);
        Evaluator e(f);
        for (const ModuleScope::Watched& number : m_.watched) {
            FunctionScope apart(m_, "bounds", false);
            const ValueId tried = Evaluator(apart).scalar(*number.value, number.what);
            if (tried == kNone || !apart.function.inputs.empty()) continue;
            ir::Bound& bound = module_.bounds.emplace_back();
            bound = {fmt::format("bound_{}", module_.bounds.size() - 1),
                     number.what,
                     number.range.low,
                     number.range.high,
                     number.range.open_low,
                     number.range.open_high,
                     "it has to be " + dsl::describe(number.range),
                     ""};
            const Span& at = number.value->span;
            if (at.known())
                bound.at = fmt::format("{}:{}:{}", diagnostics_.sources().file(at.file).path(),
                                       at.line, at.column);
            f.function.results.push_back({bound.result, e.scalar(*number.value, number.what)});
        }
        if (!module_.bounds.empty()) module_.functions.push_back(f.finish());
    }

    /// Reports a metric of `keep` or `early_stopping` that validation will not compute.
    void check_watched(const dsl::WatchedMetric& metric) {
        if (!spec_.train.validate_test && spec_.train.validate_share == 0) {
            diagnostics_
                .error(DiagnosticKind::kMissingKey, metric.span,
                       "`{}` is to be watched, but `train` has no `validate`", metric.name)
                .help(
                    "`validate: 0.1` measures a share of the training data after each epoch, "
                    "`validate: test` the test data");
            return;
        }
        const ir::Function* evaluate = module_.find_function("evaluate");
        if (evaluate == nullptr) return;  // reported
        std::vector<std::string> names;
        for (const ir::NamedValue& result : evaluate->results)
            if (result.name.find('.') == std::string::npos)  // else a sum for `figures`
                names.push_back(result.name);
        if (std::find(names.begin(), names.end(), metric.name) != names.end()) return;
        diagnostics_
            .error(DiagnosticKind::kUnknownName, metric.span, "no loss or metric is called `{}`",
                   metric.name)
            .help(fmt::format("there {} {}", by_count(names.size(), "is", "are"),
                              fmt::join(names, ", ")));
    }

    /// Evaluates entries of `let` that nothing uses, too, for their errors, into a function that is
    /// thrown away. A recipe's entries are left out: some of them are for other models.
    void check_unused_lets() {
        const int64_t stream = m_.next_stream;
        const size_t files = module_.files.size();
        const auto classes = m_.label_classes;
        FunctionScope scratch(m_, "unused", false);
        Evaluator e(scratch);
        const dsl::RecipeUse& recipe = spec_.objective.recipe;
        for (const dsl::NamedExpression& entry : spec_.objective.let)
            if (recipe.file == 0 || entry.value->span.file != recipe.file)
                e.evaluate(*name_expression(entry.name, entry.span));
        m_.next_stream = stream;
        m_.label_classes = classes;
        module_.files.resize(files);
    }

    /// A function of `functions`, built outside of training: no dropout, running statistics in
    /// batch norm.
    void user_function(const dsl::FunctionSpec& spec) {
        FunctionScope f(m_, spec.name, false);
        Evaluator e(f);
        for (size_t i = 0; i < spec.parameters.size(); ++i)
            if (!bind_parameter(e, spec, i)) return;
        for (const dsl::NamedExpression& result : spec.results) {
            const Evaluated value = e.tensor(*result.value);
            if (value.failed) return;
            ir::NamedValue& made = f.function.results.emplace_back(
                ir::NamedValue{result.name, e.materialize(value, {})});
            made.whole = !value.batched && !f.function.type(made.value).is_scalar();
        }
        drop_unused_fields(f.function, spec);
        applied_[spec.name] = f.applied;
        module_.functions.push_back(f.finish());
    }

    /// A parameter that has the name of a data field takes that data. One that has the name of an
    /// entry of `let` is drawn as that says. Any other is noise, shaped like the network input of
    /// its name.
    bool bind_parameter(Evaluator& e, const dsl::FunctionSpec& spec, size_t i) {
        const std::string& name = spec.parameters[i];
        for (const dsl::DataField& field : spec_.data)
            if (field.name == name)
                return !e.evaluate(*name_expression(name, spec.parameter_spans[i])).failed;
        for (const dsl::NamedExpression& entry : spec_.objective.let)
            if (entry.name == name) return bind_drawn(e, entry, spec, i);
        for (const dsl::NetworkSpec& network : spec_.networks)
            for (const dsl::NetworkInput& input : network.inputs) {
                ir::Shape shape;
                if (input.name != name || !input_shape(m_, input, shape)) continue;
                bind_noise(e, name, batched(m_.batch, shape), ir::InputSource::Kind::kNormal);
                return true;
            }
        if (diagnostics_.any()) return false;
        return unknown_parameter(spec, i);
    }

    bool unknown_parameter(const dsl::FunctionSpec& spec, size_t i) {
        std::vector<std::string> known;
        for (const dsl::DataField& field : m_.spec.data) known.push_back(field.name);
        for (const dsl::NamedExpression& entry : m_.spec.objective.let) known.push_back(entry.name);
        for (const dsl::NetworkSpec& network : m_.spec.networks)
            for (const dsl::NetworkInput& input : network.inputs) known.push_back(input.name);
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kUnknownName, spec.parameter_spans[i],
                               "parameter `{}` of `{}` is no data field, let-entry or network "
                               "input, so its shape is unknown",
                               spec.parameters[i], spec.name);
        const std::string near = nearest_name(spec.parameters[i], known);
        if (!near.empty()) {
            error.help(fmt::format("did you mean `{}`?", near));
            return false;
        }
        for (const dsl::NetworkSpec& network : m_.spec.networks)
            for (const dsl::NetworkInput& input : network.inputs)
                if (input.like.empty()) {
                    error.help(fmt::format("noise for `{}` has the name of its input: `{}({})`",
                                           network.name, spec.name, input.name));
                    return false;
                }
        return false;
    }

    Evaluated bind_noise(Evaluator& e, const std::string& name, ir::Shape shape,
                         ir::InputSource::Kind noise) {
        Evaluated value;
        value.value = e.scope().input(name, {noise, ""}, std::move(shape));
        value.batched = true;
        e.bind(name, value);
        return value;
    }

    /// What an entry of `let` says about a function's parameter of the same name.
    struct Drawn {
        ir::Shape shape;
        bool batched = false;
        /// It is computed from data or weights, as the posterior of an encoder is.
        bool depends = false;
    };

    /// Evaluates into a function that is thrown away; the random streams that it took are given
    /// back. Nothing after an error.
    std::optional<Drawn> drawn(const dsl::Expression& expression) {
        const int64_t stream = m_.next_stream;
        FunctionScope scratch(m_, "shape", false);
        Evaluator e(scratch);
        const Evaluated value = e.tensor(expression);
        m_.next_stream = stream;
        if (value.failed || value.number) return std::nullopt;
        return Drawn{scratch.b.shape(value.value), value.batched,
                     uses_inputs(scratch.function, value.value)};
    }

    /// Binds a parameter that has the name of an entry of `let`. Where the entry is computed from
    /// data or weights, as a posterior is, the parameter is normal noise of its shape, as the prior
    /// is. Any other entry is computed as written: where it draws by one call of normal or uniform,
    /// that noise becomes an input of the function; else it is drawn inside.
    bool bind_drawn(Evaluator& e, const dsl::NamedExpression& entry, const dsl::FunctionSpec& spec,
                    size_t i) {
        const std::string& name = spec.parameters[i];
        const std::optional<Drawn> whole = drawn(*entry.value);
        if (!whole || !whole->batched)
            return diagnostics_.any() ? false : unknown_parameter(spec, i);
        if (whole->depends) {
            bind_noise(e, name, whole->shape, ir::InputSource::Kind::kNormal);
            return true;
        }
        const dsl::Expression* source = only_noise(*entry.value);
        if (source == nullptr) return true;  // evaluated where the function uses its name
        // Where the noise is only a part of the entry, the input gets a name of its own: a caller
        // who sets `angle` means the angle, and not the noise that it is computed from.
        const bool is_whole = source == entry.value.get();
        const Evaluated noise =
            bind_noise(e, is_whole ? name : name + "_noise", drawn(*source)->shape,
                       source->text == "uniform" ? ir::InputSource::Kind::kUniform
                                                 : ir::InputSource::Kind::kNormal);
        if (is_whole) return true;
        const Evaluated value = e.tensor_over(*entry.value, *source, noise);
        e.bind(name, value);
        return !value.failed;
    }

    /// The one call of `normal` or `uniform` in an expression that draws nothing else; null when
    /// there is none.
    const dsl::Expression* only_noise(const dsl::Expression& expression) {
        const dsl::Expression* found = nullptr;
        bool several = false;
        m_.view.walk(expression, [&](const dsl::Expression& part) {
            if (part.kind != dsl::Expression::Kind::kCall) return;
            const bool noise = part.text == "normal" || part.text == "uniform";
            several |= part.text == "bernoulli" || part.text == "categorical" ||
                       (noise && found != nullptr);
            if (noise) found = &part;
        });
        return several ? nullptr : found;
    }

    dsl::ExpressionPtr name_expression(const std::string& name, Span span) {
        dsl::Expression e;
        e.kind = dsl::Expression::Kind::kName;
        e.text = name;
        e.span = span;
        return std::make_shared<dsl::Expression>(std::move(e));
    }

    const dsl::ModelSpec& spec_;
    Diagnostics& diagnostics_;
    ir::Module module_;
    ModuleScope m_;
    DataEvidence evidence_;
    /// By function of the author's.
    std::map<std::string, std::vector<FunctionScope::Applied>> applied_;
};

}  // namespace

Result<ir::Module> build_module(const dsl::ModelSpec& spec, Diagnostics& diagnostics) {
    ModuleBuilder builder(spec, diagnostics);
    try {
        return builder.run();
    } catch (const ir::TooLarge& error) {
        error.report(builder.module(), diagnostics);
        return Failure{};
    }
}

Result<std::vector<NetworkSummary>> summarize(const dsl::ModelSpec& spec,
                                              Diagnostics& diagnostics) {
    ir::Module module;
    ModuleScope m{spec, module, diagnostics, spec.train.batch_size};
    std::vector<NetworkSummary> summaries;
    try {
        if (!declare_networks(m, summaries)) return Failure{};
    } catch (const ir::TooLarge& error) {
        error.report(module, diagnostics);
        return Failure{};
    }
    return summaries;
}

}  // namespace gmc::lower
