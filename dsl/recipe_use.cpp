// Checks that a model has what its recipe uses: outputs, inputs and fields. The author of the model
// did not write the recipe's expressions, so each problem is reported once, at the model's
// networks.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/support/edit_distance.h"
#include "dsl/model_view.h"
#include "dsl/reader.h"
#include "dsl/schema/functions.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// What recipes call outputs that papers and programs write in short; "" for others. `std` is
/// something else than a variance.
std::string whole_name(const std::string& output) {
    static const std::map<std::string, std::string> kNames = {{"mu", "mean"},
                                                              {"loc", "mean"},
                                                              {"z_mean", "mean"},
                                                              {"logvar", "log_variance"},
                                                              {"log_var", "log_variance"},
                                                              {"z_log_var", "log_variance"},
                                                              {"lv", "log_variance"},
                                                              {"log_sigma2", "log_variance"}};
    const auto found = kNames.find(output);
    return found == kNames.end() ? "" : found->second;
}

/// What a recipe needs of a network.
struct Demand {
    std::vector<std::string> outputs;
    size_t inputs = 0;
    Span outputs_at, inputs_at;  ///< where the recipe first uses an output, and calls the network
    const Expression* call = nullptr;  ///< that call
};

/// Works in two passes: it first collects from all expressions what the recipe needs of each
/// network (outputs, number of inputs) and which fields, then compares each network with its
/// demand. So a network that lacks two outputs gets one error that names both.
class RecipeUseChecker {
  public:
    RecipeUseChecker(const ModelSpec& model, Diagnostics& diagnostics)
        : model_(model), view_(model), diagnostics_(diagnostics) {}

    void check() {
        const ObjectiveSpec& objective = model_.objective;
        for (const NamedExpression& entry : objective.let) collect(*entry.value, {});
        for (const MinimizeSpec& entry : objective.minimize) {
            if (entry.loss) collect(*entry.loss, {});
            for (const NamedExpression& metric : entry.metrics) collect(*metric.value, {});
        }
        for (const FunctionSpec& function : objective.functions)
            for (const NamedExpression& result : function.results)
                collect(*result.value, {function.parameters.begin(), function.parameters.end()});
        for (const auto& [network, demand] : demands_) {
            if (network->broken) continue;
            if (!missing(*network, demand).empty()) report_outputs(*network, demand);
            if (demand.inputs != network->inputs.size()) report_inputs(*network, demand);
        }
        for (const auto& [name, where] : unknown_) report_field(name, where);
    }

  private:
    /// Collects what `e` needs; `e` is a part of the recipe.
    void collect(const Expression& e, const std::set<std::string>& parameters) {
        for (const ExpressionPtr& argument : e.arguments) collect(*argument, parameters);
        if (e.span.file != model_.objective.recipe.file) return;
        if (e.kind == Kind::kName && !parameters.count(e.text) && !known(e.text))
            unknown_.insert({e.text, e.span});
        if (e.kind == Kind::kCall)
            if (const NetworkSpec* network = view_.network(e.text)) {
                Demand& demand = demands_[network];
                if (demand.inputs_at.known()) return;
                demand.inputs = e.arguments.size();
                demand.inputs_at = e.span;
                demand.call = &e;
            }
        if (e.kind == Kind::kMember) collect_output(e, parameters);
    }

    void collect_output(const Expression& e, const std::set<std::string>& parameters) {
        const Expression& owner = *e.arguments[0];
        if (owner.kind == Kind::kName && parameters.count(owner.text)) return;
        const Expression& base = view_.resolved(owner);
        const NetworkSpec* network = base.kind == Kind::kCall ? view_.network(base.text) : nullptr;
        if (!network) return;
        Demand& demand = demands_[network];
        if (std::count(demand.outputs.begin(), demand.outputs.end(), e.text)) return;
        if (demand.outputs.empty()) demand.outputs_at = e.span;
        demand.outputs.push_back(e.text);
    }

    bool known(const std::string& name) const {
        return is_constant(name) || find_function(name) || view_.network(name) || view_.let(name) ||
               view_.definition(name) || name == "data" ||
               std::any_of(model_.data.begin(), model_.data.end(),
                           [&](const DataField& f) { return f.name == name; });
    }

    static std::vector<std::string> missing(const NetworkSpec& network, const Demand& demand) {
        std::vector<std::string> out = demand.outputs;
        for (const NetworkOutput& output : network.outputs) std::erase(out, output.name);
        return out;
    }

    std::string recipe() const {
        return fmt::format("the recipe `{}`", model_.objective.recipe.name);
    }

    void report_outputs(const NetworkSpec& network, const Demand& demand) {
        std::vector<std::string> own;
        for (const NetworkOutput& output : network.outputs) own.push_back(output.name);
        const std::vector<std::string> lacking = missing(network, demand);
        const bool several = lacking.size() > 1;
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kUnknownName, network.span,
                               "{} needs the output{} {} of `{}`, which has {}", recipe(),
                               several ? "s" : "", quoted_list(lacking), network.name,
                               own.empty() ? "one result without a name" : quoted_list(own));
        error.note(demand.outputs_at, "the recipe uses it here");
        error.note(model_.objective.recipe.used_at, "the recipe is used here");
        for (const NetworkSpec& other : model_.networks)
            if (missing(other, demand).empty()) {
                error.help(fmt::format("`{}` has {}: are the roles swapped?", other.name,
                                       several ? "them" : "it"));
                return;
            }
        std::string renamed;
        for (const std::string& name : own)
            if (const std::string meant = whole_name(name);
                std::count(lacking.begin(), lacking.end(), meant))
                renamed += fmt::format("{}`{}` to `{}`", renamed.empty() ? "" : ", ", name, meant);
        error.help(renamed.empty() ? example(demand.outputs) : "rename " + renamed);
    }

    /// An example for the help, as "`outputs: {mean: {dense: 8}, log_variance: {dense: 8}}`".
    static std::string example(const std::vector<std::string>& outputs) {
        std::string out;
        for (const std::string& output : outputs)
            out += fmt::format("{}{}: {{dense: 8}}", out.empty() ? "" : ", ", output);
        return fmt::format("for example `outputs: {{{}}}`", out);
    }

    void report_inputs(const NetworkSpec& network, const Demand& demand) {
        std::vector<std::string> own;
        for (const NetworkInput& input : network.inputs) own.push_back(input.name);
        Diagnostic& error =
            diagnostics_
                .error(DiagnosticKind::kBadExpression, network.span,
                       "{} gives `{}` {} input{}, but it takes {}: {}", recipe(), network.name,
                       demand.inputs, demand.inputs == 1 ? "" : "s", own.size(), quoted_list(own))
                .note(demand.inputs_at, "the recipe uses it here")
                .note(model_.objective.recipe.used_at, "the recipe is used here");
        for (size_t i = own.size(); i < demand.inputs; ++i)
            if (const DataField* field = view_.field_of(*demand.call->arguments[i]))
                error.help(
                    fmt::format("add `{}: data.{}` to its `inputs`", field->name, field->name));
    }

    /// Reports a name that the recipe uses as a field of the data, by default or always.
    void report_field(const std::string& name, Span where) {
        std::vector<std::string> fields;
        for (const DataField& field : model_.data) fields.push_back(field.name);
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kUnknownName, model_.objective.recipe.used_at,
                               "{} needs a field `{}` of the data, which have {}", recipe(), name,
                               quoted_list(fields));
        error.note(where, "the recipe uses it here");
        // What the recipe takes for something else is not meant.
        const auto& defaults = model_.objective.recipe.default_names;
        std::vector<std::string> others = fields;
        for (const auto& [parameter, field] : defaults) std::erase(others, field);
        std::string nearest = nearest_name(name, others);
        if (nearest.empty() && !others.empty()) nearest = others.front();
        for (const auto& [parameter, field] : defaults)
            if (field == name)
                error.help(
                    nearest.empty()
                        ? fmt::format("add `{}` to `data`; with another name, `{}: NAME` beside "
                                      "`recipe` says which field is meant",
                                      name, parameter)
                        : fmt::format("write `{}: {}` beside `recipe`", parameter, nearest));
    }

    const ModelSpec& model_;
    const ModelView view_;
    Diagnostics& diagnostics_;
    std::map<const NetworkSpec*, Demand> demands_;
    std::map<std::string, Span> unknown_;
};

}  // namespace

void check_recipe_use(const ModelSpec& model, Diagnostics& diagnostics) {
    if (model.objective.recipe.file != 0) RecipeUseChecker(model, diagnostics).check();
}

}  // namespace gmc::dsl
