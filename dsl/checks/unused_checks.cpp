// Finds parts of a model that nothing uses.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

/// Collects all names that losses, metrics and functions use, through `let`, and reports what is
/// declared and not among them.
class UnusedChecks {
  public:
    UnusedChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        const auto use = [&](const Expression& e) {
            // A network that is used uses those in its layers.
            const bool network = view_.network(e.text) != nullptr;
            const auto all = network ? view_.networks_within(e.text) : std::set{e.text};
            used_.insert(all.begin(), all.end());
        };
        view_.walk_losses(use);
        view_.walk_functions(use);
        // A parameter of a function has the shape of the entry or input with its name, so it uses
        // that.
        for (const FunctionSpec& function : view_.spec().objective.functions)
            for (const std::string& parameter : function.parameters)
                if (const NamedExpression* entry = view_.let(parameter))
                    view_.walk(*name_expression(entry->name, entry->span), use);
        for (const NetworkSpec& network : view_.spec().networks)
            for_each_layer(network, [&](const LayerSpec& layer) {
                for (const auto& [key, value] : layer.expressions) view_.walk(*value, use);
            });
        lets();
        definitions();
        loops();
        averages();
        for (const FunctionSpec& function : view_.spec().objective.functions) parameters(function);
        for (const NetworkSpec& network : view_.spec().networks) {
            if (!is_own(network.span)) continue;
            if (!used_.count(network.name)) {
                report(network.span, "nothing uses the {} `{}`",
                       network.is_parameter ? "parameter" : "network", network.name)
                    .help("apply it in the objective, or remove it");
                continue;
            }
            inputs(network);
            results(network);
            layers(network);
        }
    }

  private:
    template <typename... Args>
    Diagnostic& report(Span span, fmt::format_string<Args...> text, Args&&... args) {
        return diagnostics_.warning(DiagnosticKind::kUnused, span, text,
                                    std::forward<Args>(args)...);
    }

    /// Whether the place is in the file that was named. Bases and recipes have more than each of
    /// their users needs.
    bool is_own(const Span& span) const {
        return span.known() && !diagnostics_.sources().file(span.file).used_at().known();
    }

    /// What an unused entry uses is not reported, so that there is one warning per cause.
    void lets() {
        const ObjectiveSpec& objective = view_.spec().objective;
        std::vector<const NamedExpression*> unused;
        for (const NamedExpression& entry : objective.let) {
            if (used_.count(entry.name)) continue;
            unused.push_back(&entry);
        }
        for (const NamedExpression* entry : unused)
            view_.walk(*entry->value, [&](const Expression& e) {
                if (e.text != entry->name) used_.insert(e.text);  // a loop uses its own name
            });
        for (const NamedExpression* entry : unused)
            if (is_own(entry->span) && !used_.count(entry->name))
                report(entry->span, "nothing uses `{}`", entry->name)
                    .help("is it missing in a loss? As one of the `metrics` it is only watched");
    }

    /// Definitions may be called by layers and by each other, too.
    void definitions() {
        std::set<std::string> called;
        const auto call = [&](const Expression& e) { called.insert(e.text); };
        for (const NetworkSpec& network : view_.spec().networks)
            for_each_layer(network, [&](const LayerSpec& layer) {
                for (const auto& [key, value] : layer.expressions) view_.walk(*value, call);
            });
        for (const Definition& definition : view_.spec().definitions)
            if (is_own(definition.span) && !used_.count(definition.name) &&
                !called.count(definition.name) && !is_called_by_others(definition))
                report(definition.span, "nothing uses the definition `{}`", definition.name)
                    .help(fmt::format("it is called as `{}({})`", definition.name,
                                      fmt::join(definition.parameters, ", ")));
    }

    bool is_called_by_others(const Definition& definition) const {
        bool called = false;
        for (const Definition& other : view_.spec().definitions)
            if (&other != &definition)
                view_.walk(*other.body,
                           [&](const Expression& e) { called |= e.text == definition.name; });
        return called;
    }

    /// Fields that a function takes and does not look at, as the label in `sample(z, label):
    /// decoder(z)`. Noise is given to each `sample`, also where it draws its own.
    void parameters(const FunctionSpec& function) {
        std::set<std::string> mentioned;
        for (const NamedExpression& result : function.results)
            view_.walk(*result.value, [&](const Expression& e) { mentioned.insert(e.text); });
        const std::vector<DataField>& data = view_.spec().data;
        const auto is_field = [&](const std::string& name) {
            return std::any_of(data.begin(), data.end(),
                               [&](const DataField& field) { return field.name == name; });
        };
        for (size_t i = 0; i < function.parameters.size(); ++i)
            if (is_field(function.parameters[i]) && is_own(function.parameter_spans[i]) &&
                !mentioned.count(function.parameters[i]))
                report(function.parameter_spans[i], "nothing in `{}` depends on `{}`",
                       function.name, function.parameters[i])
                    .help("leave it out, or give it to the networks of the function");
    }

    /// Averages of weights are kept for `averaged(...)`, in a function or in a loss.
    void averages() {
        std::set<std::string> read;
        const auto look = [&](const Expression& e) {
            if (e.kind == Expression::Kind::kCall && e.text == "averaged")
                read.merge(view_.networks_in(e));
        };
        view_.walk_losses(look);
        view_.walk_functions(look);
        std::set<std::string> averaged;
        Span asked;  // where the first of them is asked for
        for (const MinimizeSpec& entry : view_.spec().objective.minimize) {
            if (!entry.average) continue;
            if (averaged.empty()) asked = entry.average->span;
            averaged.insert(entry.networks.begin(), entry.networks.end());
        }
        const auto is_read = [&](const std::string& network) { return read.count(network) > 0; };
        if (!averaged.empty() && is_own(asked) &&
            std::none_of(averaged.begin(), averaged.end(), is_read))
            unread_averages(asked, averaged);
    }

    void unread_averages(Span span, const std::set<std::string>& networks) {
        Diagnostic& warning = report(
            span, "no function reads the averages of `{}`: all use the weights as they are trained",
            fmt::join(networks, "` and `"));
        for (const FunctionSpec& function : view_.spec().objective.functions) {
            const std::set<std::string> used = view_.networks_in(*function.results.front().value);
            const auto is_averaged = [&](const std::string& n) { return networks.count(n) > 0; };
            if (function.results.size() > 1 || std::none_of(used.begin(), used.end(), is_averaged))
                continue;
            warning.help(fmt::format("`functions: {{\"{}({})\": averaged({})}}` does",
                                     function.name, fmt::join(function.parameters, ", "),
                                     to_string(*function.results.front().value)));
            break;
        }
        warning.help("`gmrun export --averaged` writes them to a file");
    }

    /// What a loop computes under its own `let` has to reach its `next`.
    void loops() {
        std::set<const Expression*> seen;
        const auto look = [&](const Expression& e) {
            if (e.kind == Expression::Kind::kLoop && seen.insert(&e).second) lets_of(e);
        };
        view_.walk_losses(look);
        view_.walk_functions(look);
    }

    void lets_of(const Expression& loop) {
        for (size_t i = 0; i < loop.arguments.size(); ++i) {
            const LoopPart& part = loop.loop->parts[i];
            if (part.kind != LoopPart::Kind::kLet || !is_own(part.span)) continue;
            bool used = false;
            for (size_t other = 0; other < loop.arguments.size(); ++other)
                if (other != i)
                    view_.walk(*loop.arguments[other],
                               [&](const Expression& e) { used |= e.text == part.name; });
            if (!used)
                report(part.span, "nothing in the loop uses `{}`", part.name)
                    .help("what a pass gives to the next one stands under `next`");
        }
    }

    /// All names in `from` of the network's layers: "name", or "name.result".
    static std::set<std::string> taken(const NetworkSpec& network) {
        std::set<std::string> out;
        for_each_layer(network, [&](const LayerSpec& layer) {
            for (const std::string& from : layer.from) {
                out.insert(from);
                out.insert(from.substr(0, from.rfind('.')));
            }
        });
        return out;
    }

    /// The first layer reads the only input. Of several inputs, each has to be named by a layer.
    void inputs(const NetworkSpec& network) {
        if (network.inputs.size() < 2) return;
        const std::set<std::string> names = taken(network);
        for (const NetworkInput& input : network.inputs)
            if (!names.count(input.name))
                report(input.span, "no layer of `{}` takes its input `{}`", network.name,
                       input.name)
                    .help(fmt::format("name it in `from` of a layer, as in `concat: {{from: [..., "
                                      "{}]}}`, or remove it",
                                      input.name));
    }

    /// Calls `visit` for every expression of the model and of its networks.
    void walk_all(const ModelView::Visit& visit) const {
        view_.walk_losses(visit);
        view_.walk_functions(visit);
        for (const NamedExpression& entry : view_.spec().objective.let)
            view_.walk(*entry.value, visit);
        for (const NetworkSpec& network : view_.spec().networks)
            for_each_layer(network, [&](const LayerSpec& layer) {
                for (const auto& [key, value] : layer.expressions) view_.walk(*value, visit);
            });
    }

    /// Outputs that no expression names. Where the network is given on as a whole, nothing is said.
    void results(const NetworkSpec& network) {
        if (network.outputs.empty()) return;
        std::set<std::string> named;
        bool whole = false;
        const auto gives_on = [&](const Expression& e) {
            const Expression& value = view_.resolved(e);
            whole |= value.kind == Expression::Kind::kCall && value.text == network.name;
        };
        walk_all([&](const Expression& e) {
            if (e.kind == Expression::Kind::kMember)
                named.insert(e.text);
            else if (!view_.definition(e.text))  // its body is looked at
                for (const ExpressionPtr& argument : e.arguments) gives_on(*argument);
        });
        for (const FunctionSpec& function : view_.spec().objective.functions)
            for (const NamedExpression& result : function.results) gives_on(*result.value);
        if (whole) return;
        for (const std::string& from : taken_anywhere())
            if (from.find('.') != std::string::npos) named.insert(from.substr(from.rfind('.') + 1));
        for (const NetworkOutput& output : network.outputs)
            if (!named.count(output.name) && is_own(output.span))
                report(output.span, "nothing uses the output `{}` of `{}`", output.name,
                       network.name)
                    .help(fmt::format("it is read as `{}(...).{}`; or remove it", network.name,
                                      output.name));
    }

    std::set<std::string> taken_anywhere() const {
        std::set<std::string> out;
        for (const NetworkSpec& network : view_.spec().networks) out.merge(taken(network));
        return out;
    }

    /// Layers whose result neither the next layer takes nor one that names it.
    void layers(const NetworkSpec& network) {
        const std::set<std::string> names = taken(network);
        const auto takes_last = [](const LayerSpec& layer) {
            return layer.from.empty() ||
                   std::find(layer.from.begin(), layer.from.end(), "") != layer.from.end();
        };
        const auto look = [&](const std::vector<LayerSpec>& of, bool end_is_used) {
            for (size_t i = 0; i < of.size(); ++i) {
                const bool last = i + 1 == of.size();
                const bool next = last ? end_is_used : takes_last(of[i + 1]);
                if (next || (!of[i].name.empty() && names.count(of[i].name))) continue;
                if (!is_own(of[i].span) || of[i].block_use.known()) continue;
                Diagnostic& warning =
                    report(of[i].span, "nothing takes the result of this `{}`",
                           of[i].kind == kExpressionLayer ? "expression" : of[i].kind);
                if (!last) warning.note(of[i + 1].from_span, "the next layer takes another");
                warning.help(
                    of[i].name.empty()
                        ? "with a `name`, a later layer can take it by `from`; or remove it"
                        : fmt::format("a later layer takes it by `from: {}`; or remove it",
                                      of[i].name));
            }
        };
        bool end_is_used = network.outputs.empty();
        for (const NetworkOutput& output : network.outputs)
            end_is_used |= output.layers.empty() || takes_last(output.layers.front());
        look(network.layers, end_is_used);
        for (const NetworkOutput& output : network.outputs) look(output.layers, true);
        for_each_layer(network, [&](const LayerSpec& layer) { look(layer.layers, true); });
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<std::string> used_;  ///< names in whatever is computed
};

}  // namespace

void check_unused(const ModelView& view, Diagnostics& diagnostics) {
    UnusedChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl
