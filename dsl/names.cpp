// Checks the names in expressions: what each refers to, and which refer to nothing. Shapes and
// gradients are checked by dsl/lower.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/support/edit_distance.h"
#include "compiler/support/wording.h"
#include "dsl/model_view.h"
#include "dsl/reader.h"
#include "dsl/rewrite.h"
#include "dsl/schema/foreign_words.h"
#include "dsl/schema/functions.h"
#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// Checks a call of a network: as many arguments as it has inputs, and named ones by the names of
/// inputs. Beside them there may be `weights`.
void check_network_call(const Expression& e, const NetworkSpec& network, Diagnostics& diagnostics) {
    if (network.broken) return;
    if (network.is_parameter) {
        diagnostics
            .error(DiagnosticKind::kBadExpression, e.span,
                   "`{}` is a parameter, a tensor, and cannot be called", network.name)
            .note(network.span, "it is here");
        return;
    }
    const size_t inputs = network.inputs.size();
    const auto given =
        e.arguments.size() - static_cast<size_t>(std::count(e.argument_names.begin(),
                                                            e.argument_names.end(), kWeightsWord));
    if (given != inputs) {
        diagnostics
            .error(DiagnosticKind::kBadExpression, e.span,
                   "the network `{}` takes {} input{}, not {}", network.name, inputs,
                   inputs == 1 ? "" : "s", given)
            .note(network.span, "the network is here");
        return;
    }
    std::vector<std::string> known{std::string(kWeightsWord)};
    for (const NetworkInput& input : network.inputs) known.push_back(input.name);
    for (size_t i = 0; i < e.arguments.size(); ++i) {
        const std::string& name = e.argument_names[i];
        if (name.empty() || std::count(known.begin(), known.end(), name)) continue;
        report_unknown(DiagnosticKind::kUnknownName, e.arguments[i]->span,
                       fmt::format("the network `{}` has no input `{}`", network.name, name), name,
                       known, diagnostics);
    }
}

/// Checks a call of a definition.
void check_definition_call(const Expression& e, const Definition& definition,
                           Diagnostics& diagnostics) {
    const size_t wanted = definition.parameters.size();
    const bool named = std::any_of(e.argument_names.begin(), e.argument_names.end(),
                                   [](const std::string& name) { return !name.empty(); });
    if (e.arguments.size() == wanted && !named) return;
    diagnostics
        .error(DiagnosticKind::kBadExpression, e.span, "`{}` takes {} argument{}{}, not {}", e.text,
               wanted, wanted == 1 ? "" : "s", named ? " without names" : "", e.arguments.size())
        .note(definition.span, "it is defined here");
}

/// Checks a call of a layer: its inputs, then the value of its main key, then others by name.
void check_layer_call(const Expression& e, const LayerRow& row, Diagnostics& diagnostics) {
    std::vector<std::string> keys;
    for (const KeyRow& key : row.keys)
        if (std::string_view(key.key) != "name" && std::string_view(key.key) != "from")
            keys.emplace_back(key.key);
    int positional = 0;
    for (size_t i = 0; i < e.arguments.size(); ++i) {
        const std::string& name = e.argument_names[i];
        positional += name.empty() ? 1 : 0;
        if (name.empty() || std::count(keys.begin(), keys.end(), name)) continue;
        report_unknown(DiagnosticKind::kBadExpression, e.arguments[i]->span,
                       fmt::format("`{}` has no argument named `{}`", e.text, name), name, keys,
                       diagnostics);
    }
    const bool main = *row.main_key && std::string_view(row.main_key) != "from";
    if (positional >= row.fewest_inputs && positional <= row.most_inputs + (main ? 1 : 0)) return;
    const char* plural = row.most_inputs > row.fewest_inputs ? "s or more"
                         : row.fewest_inputs > 1             ? "s"
                                                             : "";
    diagnostics
        .error(DiagnosticKind::kBadExpression, e.span, "`{}` takes {} tensor{}{}, not {} arguments",
               e.text, row.fewest_inputs, plural,
               main ? fmt::format(" and `{}`", row.main_key) : "", positional)
        .help(fmt::format("`{}`: {}", e.text, row.doc));
}

/// Checks the number and names of arguments against the function's row; the help quotes that row.
void check_function_call(const Expression& e, const FunctionRow& row, Diagnostics& diagnostics) {
    const std::vector<std::string> named = split_words(row.named);
    int positional = 0;
    bool unknown = false;
    for (size_t i = 0; i < e.arguments.size(); ++i) {
        const std::string& name = e.argument_names[i];
        if (name.empty()) {
            ++positional;
            const Expression& value = *e.arguments[i];
            if (value.kind == Kind::kNumber && !value.text.empty() && e.text != "where")
                diagnostics.error(DiagnosticKind::kBadExpression, value.span,
                                  "`{}` is a flag and no number", value.text);
        } else if (!std::count(named.begin(), named.end(), name) && !unknown) {
            unknown = true;
            Diagnostic& error =
                report_unknown(DiagnosticKind::kBadExpression, e.arguments[i]->span,
                               fmt::format("`{}` has no argument named `{}`", e.text, name), name,
                               named, diagnostics);
            if (named.empty()) error.help(fmt::format("it is written `{}`", row.usage));
        }
    }
    if (unknown) return;
    if (positional >= row.fewest && positional <= row.most) return;
    std::string wanted = fmt::format("{} to {}", row.fewest, row.most);
    if (row.most == kAnyCount) wanted = fmt::format("at least {}", row.fewest);
    if (row.fewest == row.most) wanted = fmt::format("{}", row.fewest);
    Diagnostic& error = diagnostics.error(DiagnosticKind::kBadExpression, e.span,
                                          "`{}` takes {} argument{}, not {}", e.text, wanted,
                                          row.fewest == 1 && row.most != 2 ? "" : "s", positional);
    error.help(fmt::format("`{}`: {}", row.usage, row.doc));
    if (positional > row.most && e.arguments[0]->kind == Kind::kNumber)
        error.help("the decimal mark is a point, as in `0.5`");
    else if (positional > row.most && std::count(named.begin(), named.end(), "axis"))
        error.help(fmt::format("an axis has its name: `{}(x, axis=0)`", e.text));
}

/// Walks all expressions of a model. An error in one expression does not hide those in another.
class NameChecker {
  public:
    NameChecker(ModelSpec& model, Diagnostics& diagnostics)
        : model_(model), diagnostics_(diagnostics) {
        for (const NetworkSpec& network : model.networks) networks_[network.name] = &network;
    }

    void check() {
        const size_t before = diagnostics_.count();
        check_unique();
        const bool unique = diagnostics_.count() == before;
        check_minimize();
        const size_t errors = diagnostics_.count();
        check_recipe_use(model_, diagnostics_);
        broken_recipe_ = diagnostics_.count() != errors ||
                         std::any_of(model_.networks.begin(), model_.networks.end(),
                                     [](const NetworkSpec& network) { return network.broken; });
        ObjectiveSpec& objective = model_.objective;
        for (const NamedExpression& let : objective.let) visit(*let.value, {});
        for (const StateSpec& state : objective.states) visit(*state.update, {});
        for (const MinimizeSpec& entry : objective.minimize) {
            if (entry.loss) visit(*entry.loss, {});
            for (const NamedExpression& metric : entry.metrics) visit(*metric.value, {});
            if (entry.optimizer) check_optimizer(*entry.optimizer);
            if (entry.average) check_hyperparameter(*entry.average);
        }
        for (const FunctionSpec& function : objective.functions)
            for (const NamedExpression& result : function.results)
                visit(*result.value, {function.parameters.begin(), function.parameters.end()});
        check_optimizer(model_.train.optimizer);
        for (NetworkSpec& network : model_.networks)
            for_each_layer(network, [&](const LayerSpec& layer) { check_layer(layer); });
        for (const Definition& definition : model_.definitions)
            visit(*definition.body, {definition.parameters.begin(), definition.parameters.end()});
        check_no_recursion(model_, diagnostics_);
        // An entry with the name of a field would seem to be defined by itself.
        if (unique) check_let_chains(objective.let, diagnostics_);
    }

  private:
    /// Checks that no name has two meanings: networks, fields, entries of `let` and built-in names
    /// share one space.
    void check_unique() {
        const auto take = [&](const std::string& name, Span span, const char* what) {
            if (is_constant(name) || find_function(name)) {
                diagnostics_.error(DiagnosticKind::kDuplicateKey, span,
                                   "{} cannot be called `{}`, a built-in {}", what, name,
                                   is_constant(name) ? "name" : "function");
                return;
            }
            const auto [at, added] = meanings_.insert({name, {what, span}});
            if (added) return;
            diagnostics_
                .error(DiagnosticKind::kDuplicateKey, span,
                       "{} cannot be called `{}`, there is {} of that name", what, name,
                       at->second.first)
                .note(at->second.second, fmt::format("`{}` is here", name));
        };
        // What is called like a layer would be called in its place, also by imported files.
        const auto take_callable = [&](const std::string& name, Span span, const char* what) {
            if (find_layer_function(name) != nullptr && find_function(name) == nullptr)
                diagnostics_.error(DiagnosticKind::kDuplicateKey, span,
                                   "{} cannot be called `{}`, there is a layer of that name", what,
                                   name);
            else
                take(name, span, what);
        };
        for (const NetworkSpec& network : model_.networks)
            network.is_parameter ? take(network.name, network.span, "a parameter")
                                 : take_callable(network.name, network.span, "a network");
        for (const DataField& field : model_.data)
            take(field.name, field.span, "a field of the data");
        for (const Definition& definition : model_.definitions) {
            take_callable(definition.name, definition.span, "a definition");
            definitions_[definition.name] = &definition;
        }
        for (const NamedExpression& let : model_.objective.let) {
            take(let.name, let.span, "an entry of `let`");
            lets_[let.name] = &let;
        }
        for (const StateSpec& state : model_.objective.states)
            take(state.name, state.span, "a state");
    }

    /// Checks the networks in `minimize`: here end up roles that were not bound, and typing errors.
    void check_minimize() {
        std::vector<std::string> known;
        for (const auto& [name, network] : networks_) known.push_back(name);
        for (const MinimizeSpec& entry : model_.objective.minimize) {
            for (size_t i = 0; i < entry.networks.size(); ++i)
                if (!networks_.count(entry.networks[i])) {
                    const std::string& name = entry.networks[i];
                    Diagnostic& error = report_unknown(
                        DiagnosticKind::kUnknownName, entry.network_spans[i],
                        fmt::format("there is no network `{}`", name), name, known, diagnostics_);
                    if (name.find(',') != name.npos)
                        error.help(fmt::format("several are a list: `[{}]`", name));
                }
        }
        check_averages();
    }

    /// A network has at most one average, so only one entry may ask for it.
    void check_averages() {
        std::map<std::string, Span> averaged;
        for (const MinimizeSpec& entry : model_.objective.minimize) {
            if (!entry.average) continue;
            for (const std::string& network : entry.networks) {
                const auto [at, added] = averaged.insert({network, entry.average->span});
                if (added) continue;
                diagnostics_
                    .error(DiagnosticKind::kDuplicateKey, entry.average->span,
                           "the weights of `{}` are averaged by two entries of `minimize`", network)
                    .note(at->second, "the other `average` is here");
            }
        }
    }

    /// Hyperparameters may use the constants only, since they are computed without data.
    void check_optimizer(const OptimizerSpec& optimizer) {
        for (const NamedExpression& parameter : optimizer.parameters)
            check_hyperparameter(*parameter.value);
        for (const NamedExpression& factor : optimizer.rate_factors)
            check_hyperparameter(*factor.value);
        if (optimizer.lookahead) check_hyperparameter(*optimizer.lookahead->share);
    }
    void check_hyperparameter(const Expression& value) {
        place_ = "where a hyperparameter is computed";
        visit(value, {});
        place_ = nullptr;
    }

    /// An expression layer knows layers and inputs; other keys are like hyperparameters.
    void check_layer(const LayerSpec& layer) {
        const size_t errors = diagnostics_.count();
        for (const auto& [key, value] : layer.expressions) {
            if (key != kExpressionLayer) {
                check_hyperparameter(*value);
                continue;
            }
            place_ = "inside of a network, unless a layer or input before this one is called so";
            in_layer_ = true;
            std::set<std::string> known(layer.arguments.begin(), layer.arguments.end());
            for (const auto& [name, network] : networks_)
                if (network->is_parameter) known.insert(name);
            visit(*value, known);
            place_ = nullptr;
            in_layer_ = false;
        }
        note_block(layer, errors, diagnostics_);
    }

    /// Checks one expression. `parameters` are those of the function around it, which hide all
    /// other names.
    void visit(const Expression& e, const std::set<std::string>& parameters) {
        // What the recipe misses in the model has been reported at the networks.
        if (broken_recipe_ && e.span.file == model_.objective.recipe.file) return;
        if (e.kind == Kind::kName) visit_name(e, parameters);
        if (e.kind == Kind::kCall && !parameters.count(e.text)) visit_call(e);
        if (e.kind == Kind::kLoop) return visit_loop(e, parameters);
        if (e.kind == Kind::kMember && is_data(*e.arguments[0], parameters)) return visit_field(e);
        for (size_t i = 0; i < e.arguments.size(); ++i)
            if (!is_word(e, i)) visit(*e.arguments[i], parameters);
        if (e.kind == Kind::kMember) visit_member(e, parameters);
    }

    /// The word in front of a field, as in `data.image`.
    bool is_data(const Expression& e, const std::set<std::string>& parameters) const {
        return place_ == nullptr && e.kind == Kind::kName && e.text == "data" &&
               !parameters.count("data") && !meanings_.count("data");
    }

    void visit_field(const Expression& e) {
        std::vector<std::string> fields;
        for (const DataField& field : model_.data) fields.push_back(field.name);
        if (std::count(fields.begin(), fields.end(), e.text)) return;
        report_unknown(DiagnosticKind::kUnknownName, e.span,
                       fmt::format("the data have no field `{}`", e.text), e.text, fields,
                       diagnostics_);
    }

    /// `axis=batch`, `padding=same`: a word, no value.
    bool is_word(const Expression& e, size_t argument) const {
        const Expression& value = *e.arguments[argument];
        if (e.kind != Kind::kCall || value.kind != Kind::kName) return false;
        const std::string& name = e.argument_names[argument];
        if (name == "axis" && (value.text == "batch" || value.text == "example")) return true;
        const LayerRow* row = networks_.count(e.text) ? nullptr : find_layer_function(e.text);
        const KeyRow* key = row == nullptr || name.empty() ? nullptr : find_key(row->keys, name);
        return key != nullptr && key->type == KeyType::kWord;
    }

    /// The names inside of a loop must not hide others, so that a reader of `x` knows which `x` it
    /// is. Only the loop's own name may be that of the value which it carries.
    void visit_loop(const Expression& e, const std::set<std::string>& parameters) {
        const auto check = [&](const std::string& name, Span span) {
            const auto known = meanings_.find(name);
            const bool own = name == e.text;
            std::string taken;
            if (is_constant(name) || find_function(name))
                taken = "a built-in name";
            else if (place_ == nullptr && known != meanings_.end() && !own)
                taken = fmt::format("there is {} of that name", known->second.first);
            else if (parameters.count(name) != 0 && !own)
                taken = "which the function or loop around it has";
            if (taken.empty()) return;
            diagnostics_.error(DiagnosticKind::kDuplicateKey, span,
                               "the loop `{}` cannot call a value `{}`, {}", e.text, name, taken);
        };
        using Part = LoopPart::Kind;
        for (size_t i = 0; i < e.arguments.size(); ++i) {
            const LoopPart& part = e.loop->parts[i];
            if (part.kind == Part::kStart || part.kind == Part::kOver || part.kind == Part::kLet)
                check(part.name, part.span);
            std::set<std::string> inside = names_bound(e, i);
            inside.insert(parameters.begin(), parameters.end());
            visit(*e.arguments[i], inside);
        }
        if (!e.loop->index.empty()) check(e.loop->index, e.loop->index_span);
    }

    /// Checks a name that is used as a value. A network's name stands for the shape of its input,
    /// as in `normal(net)`.
    void visit_name(const Expression& e, const std::set<std::string>& parameters) {
        if (parameters.count(e.text) || is_constant(e.text)) return;
        if (place_ != nullptr) {
            std::vector<std::string> known(parameters.begin(), parameters.end());
            for (std::string& name : constant_names()) known.push_back(std::move(name));
            Diagnostic& error = diagnostics_.error(DiagnosticKind::kUnknownName, e.span,
                                                   "`{}` is not known {}", e.text, place_);
            const bool schedule = find_key(mapping("schedule").keys, e.text) != nullptr;
            error.help(schedule ? fmt::format("a schedule has keys: `{{{}: {{from: 1e-3, to: 0, "
                                              "over: 10 epochs}}}}`",
                                              e.text)
                                : fmt::format("known {} {}", by_count(known.size(), "is", "are"),
                                              quoted_list(known)));
            if (in_layer_ && !schedule)
                error.help(
                    "the result of the layer before is `previous`; others are known by "
                    "their `name`");
            return;
        }
        // An entry of `let` with a name that it cannot have was reported, and so was a name that is
        // used more than once.
        if (meanings_.count(e.text) || lets_.count(e.text) || is_part_of_bad_name(e.text)) return;
        if (!unknown_.insert(e.text).second) return;
        if (const FunctionRow* row = find_function(e.text)) {
            diagnostics_.error(DiagnosticKind::kUnknownName, e.span,
                               "`{}` is a function; it is used as `{}`", e.text, row->usage);
            return;
        }
        std::vector<std::string> known = constant_names();
        for (const std::string& name : parameters)
            if (meanings_.count(name) == 0) known.push_back(name);
        for (const auto& [name, meaning] : meanings_) known.push_back(name);
        Diagnostic& error =
            report_unknown(DiagnosticKind::kUnknownName, e.span,
                           fmt::format("`{}` is not defined", e.text), e.text, known, diagnostics_);
        // `loss: mse`: a word for what an expression says.
        if (!nearest_name(e.text, known).empty()) return;
        const std::optional<Translation> meant = translate(e.text, known_functions());
        if (!meant) return;
        const FunctionRow* row = find_function(meant->word);
        if (row != nullptr) error.help(fmt::format("`{}`: {}", row->usage, row->doc));
        if (row == nullptr && !meant->remark.empty()) error.help(meant->remark);
    }

    /// `kl` and `loss` after an entry of `let` was called `kl-loss`, which an expression subtracts.
    bool is_part_of_bad_name(const std::string& name) const {
        for (const auto& [let, unused] : lets_)
            for (size_t at = let.find(name); at != let.npos; at = let.find(name, at + 1)) {
                const size_t end = at + name.size();
                const bool begins = at == 0 || !is_name_part(let[at - 1]);
                if (begins && (end == let.size() || !is_name_part(let[end])) && name != let)
                    return true;
            }
        return false;
    }

    std::vector<std::string> known_functions() const {
        std::vector<std::string> known;
        for (const FunctionRow& function : function_table()) known.emplace_back(function.name);
        for (const LayerRow& layer : layer_table())
            if (find_layer_function(layer.kind)) known.emplace_back(layer.kind);
        for (const auto& [name, unused] : networks_) known.push_back(name);
        for (const auto& [name, unused] : definitions_) known.push_back(name);
        return known;
    }

    /// Reports `x.exp()`, which the parser gives the name `.exp`.
    void report_method(const Expression& e) {
        const std::string name = e.text.substr(1);
        const std::vector<std::string> known = known_functions();
        const std::optional<Translation> meant = translate(name, known);
        const bool ours = std::count(known.begin(), known.end(), name) != 0;
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kBadExpression, e.span,
                               "`.{}(...)` is a method, and values have none", name);
        static const std::set<std::string> kCalls = {"forward", "call", "apply", "predict",
                                                     "__call__"};
        if (kCalls.count(name))
            error.help("a network is applied by its name: `net(x)`");
        else if (meant && meant->word.empty())
            error.help(meant->remark);
        else if (meant || ours)
            error.help(fmt::format("functions stand before their arguments: `{}(x)`",
                                   ours ? name : meant->word));
        else
            error.help("functions stand before their arguments, as in `mean(x)`");
    }

    /// Checks a call. Networks are looked up before built-in functions; check_unique has made sure
    /// that no name is both.
    void visit_call(const Expression& e) {
        const auto network = networks_.find(e.text);
        if (network != networks_.end()) {
            check_network_call(e, *network->second, diagnostics_);
        } else if (const auto own = definitions_.find(e.text); own != definitions_.end()) {
            check_definition_call(e, *own->second, diagnostics_);
        } else if (const FunctionRow* row = find_function(e.text)) {
            check_function_call(e, *row, diagnostics_);
        } else if (const LayerRow* called = find_layer_function(e.text)) {
            check_layer_call(e, *called, diagnostics_);
        } else if (find_layer(e.text) != nullptr) {
            diagnostics_.error(DiagnosticKind::kBadExpression, e.span,
                               "`{}` is a layer with weights, which belongs into a network",
                               e.text);
        } else if (const auto meaning = meanings_.find(e.text); meaning != meanings_.end()) {
            diagnostics_
                .error(DiagnosticKind::kUnknownName, e.span, "`{}` is {} and cannot be called",
                       e.text, meaning->second.first)
                .note(meaning->second.second, "it is here");
        } else if (is_constant(e.text)) {
            diagnostics_.error(DiagnosticKind::kUnknownName, e.span,
                               "`{}` is a number and stands without parentheses", e.text);
        } else if (e.text.starts_with('.')) {
            report_method(e);
        } else {
            report_unknown(DiagnosticKind::kUnknownName, e.span,
                           fmt::format("there is no function or network `{}`", e.text), e.text,
                           known_functions(), diagnostics_);
        }
    }

    /// Checks `encoder(x).mean`, or `q.mean` where `q` is `encoder(x)`: the network has to have
    /// that output.
    void visit_member(const Expression& e, const std::set<std::string>& parameters) {
        // Follows entries of `let` that only give another name. The number of rounds is bounded,
        // since they may form a cycle.
        const Expression* base = e.arguments[0].get();
        for (int steps = 0; base->kind == Kind::kName && steps < 100; ++steps) {
            const auto let = lets_.find(base->text);
            if (let == lets_.end() || parameters.count(base->text)) break;
            base = let->second->value.get();
        }
        const auto network =
            base->kind == Kind::kCall ? networks_.find(base->text) : networks_.end();
        if (base->kind == Kind::kLoop && base->loop->has_names) {
            std::vector<std::string> known;
            for (const LoopPart& part : base->loop->parts)
                if (part.kind == LoopPart::Kind::kStart) known.push_back(part.name);
            if (std::count(known.begin(), known.end(), e.text) == 0)
                report_unknown(DiagnosticKind::kUnknownName, e.span,
                               fmt::format("the loop `{}` has no value `{}`", base->text, e.text),
                               e.text, known, diagnostics_);
            return;
        }
        if (network == networks_.end()) {
            if (base->kind == Kind::kLoop)
                diagnostics_.error(DiagnosticKind::kBadExpression, e.span,
                                   "the loop `{}` has one value without a name, so no `.{}`",
                                   base->text, e.text);
            if (base->kind == Kind::kNumber || base->kind == Kind::kBinary)
                diagnostics_
                    .error(DiagnosticKind::kBadExpression, e.span,
                           "only a network's result has parts such as `.{}`", e.text)
                    .help(e.text == "T"
                              ? "`permute(x, [1, 0])` exchanges two axes"
                              : "functions stand before their arguments, as in `mean(x)`");
            return;
        }
        if (network->second->broken) return;
        std::vector<std::string> known;
        for (const NetworkOutput& output : network->second->outputs) known.push_back(output.name);
        if (std::count(known.begin(), known.end(), e.text)) return;
        if (!missing_outputs_.insert({network->first, e.text}).second) return;
        Diagnostic& error = report_unknown(
            DiagnosticKind::kUnknownName, e.span,
            known.empty()
                ? fmt::format("the network `{}` has one result without a name, so no `.{}`",
                              base->text, e.text)
                : fmt::format("the network `{}` has no output `{}`", base->text, e.text),
            e.text, known, diagnostics_);
        error.note(network->second->span, "the network is here");
        for (const NetworkSpec& other : model_.networks)
            for (const NetworkOutput& output : other.outputs)
                if (output.name == e.text && &other != network->second)
                    error.help(fmt::format("`{}` has `.{}`: is it meant?", other.name, e.text));
    }

    ModelSpec& model_;
    Diagnostics& diagnostics_;
    std::map<std::string, const NetworkSpec*> networks_;
    std::map<std::string, const Definition*> definitions_;
    std::map<std::string, const NamedExpression*> lets_;
    /// Name -> what it is ("a network", "an entry of `let`", ...) and its place.
    std::map<std::string, std::pair<std::string, Span>> meanings_;
    /// Set while names of the objective may not be used; says for messages where that is.
    const char* place_ = nullptr;
    bool in_layer_ = false;  ///< the expression is a layer of a network
    bool broken_recipe_ = false;
    std::set<std::string> unknown_;                                  ///< names that were reported
    std::set<std::pair<std::string, std::string>> missing_outputs_;  ///< network, output: reported
};

/// Numeric variables as replacements, but for those that a name of the model hides.
Replacements variables_as_numbers(const ModelSpec& model, const Bindings& variables) {
    Replacements out;
    for (const auto& [name, node] : variables) {
        const std::optional<double> value =
            node->is_scalar() && !node->quoted ? parse_number(node->text) : std::nullopt;
        if (value && !is_constant(name)) out.names[name] = number_expression(*value, node->span);
    }
    for (const NetworkSpec& network : model.networks) out.names.erase(network.name);
    for (const DataField& field : model.data) out.names.erase(field.name);
    for (const NamedExpression& let : model.objective.let) out.names.erase(let.name);
    for (const StateSpec& state : model.objective.states) out.names.erase(state.name);
    for (const Definition& definition : model.definitions) out.names.erase(definition.name);
    return out;
}

}  // namespace

/// Runs in two steps: variables in expressions become numbers, then every name that is left has to
/// be known. In this order a check can still say of a misspelt variable that it is no name, and an
/// entry of `let` may hide a variable.
void check_names(ModelSpec& model, const Bindings& variables, Diagnostics& diagnostics) {
    const Replacements replacements = variables_as_numbers(model, variables);
    // `replace` works on an ObjectivePart, so the objective is moved into one and back.
    ObjectivePart part{std::move(model.objective.let),
                       std::move(model.objective.states),
                       std::move(model.objective.minimize),
                       {},
                       std::move(model.objective.functions),
                       {},
                       "",
                       {}};
    replace(part, replacements);
    model.objective.let = std::move(part.let);
    model.objective.states = std::move(part.states);
    model.objective.minimize = std::move(part.minimize);
    model.objective.functions = std::move(part.functions);
    replace(model.train.optimizer, replacements);
    for (NetworkSpec& network : model.networks)
        for_each_layer(network, [&](LayerSpec& layer) {
            const std::set<std::string> own(layer.arguments.begin(), layer.arguments.end());
            for (auto& [key, value] : layer.expressions) value = replace(value, replacements, own);
        });
    for (Definition& definition : model.definitions)
        definition.body = replace(definition.body, replacements,
                                  {definition.parameters.begin(), definition.parameters.end()});
    NameChecker(model, diagnostics).check();
}

}  // namespace gmc::dsl
