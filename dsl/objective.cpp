// Reads `objective:` (let, minimize, metrics, units, functions, schedule) and merges what its
// recipe gives with what the model itself says.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/support/wording.h"
#include "dsl/reader.h"
#include "dsl/text/lexer.h"

namespace gmc::dsl {
namespace {

/// Reads `{name: expression}`. With `names_alone` also `{a, b}` and `[a, b]`, each of which means
/// the entry of `let` with that name.
std::vector<NamedExpression> read_named(const Entry& entry, bool names_alone,
                                        Diagnostics& diagnostics) {
    std::vector<NamedExpression> out;
    const std::string what = fmt::format("`{}`", entry.key);
    if (entry.value->is_list() && names_alone) {
        for (const NodePtr& item : entry.value->items) {
            if (item->is_map()) {  // `[kl, {slope: mean(slope)}]`
                const auto more = read_named({entry.key, item->span, item}, true, diagnostics);
                out.insert(out.end(), more.begin(), more.end());
                continue;
            }
            for (const PlacedName& name : read_names(*item, what, diagnostics))
                if (check_name(name.name, "a metric", name.span, diagnostics))
                    out.push_back({name.name, name_expression(name.name, name.span), name.span});
        }
        return out;
    }
    if (!expect_map(*entry.value, what, entry.key_span, diagnostics,
                    "its entries are `name: expression`, without dashes")) {
        for (const NodePtr& item : entry.value->items)  // their names stay known
            for (const Entry& one : item->entries)
                out.push_back({one.key, name_expression("step", one.key_span), one.key_span});
        return out;
    }
    for (const Entry& one : entry.value->entries) {
        if (!check_name(one.key, fmt::format("an entry of {}", what), one.key_span, diagnostics)) {
            out.push_back({one.key, name_expression("step", one.key_span), one.key_span});
            continue;
        }
        ExpressionPtr value;
        if (one.value->is_null() && names_alone)
            value = name_expression(one.key, one.key_span);
        else if (one.value->is_null())
            diagnostics.error(DiagnosticKind::kWrongType, one.key_span, "`{}` has no value",
                              one.key);
        else if (is_loop(*one.value))
            value = read_loop(*one.value, one.key, one.key_span, diagnostics);
        else
            value = read_expression(*one.value, fmt::format("`{}`", one.key), diagnostics);
        // After an error the name stays defined, by an expression that has no errors, so that its
        // uses are not reported as well.
        if (!value) value = name_expression("step", one.key_span);
        out.push_back({one.key, value, one.key_span});
    }
    return out;
}

/// Reads one entry of `minimize`, a map, or the loss alone. `loss` is null after an error.
MinimizeSpec read_entry(const Node& node, Diagnostics& diagnostics) {
    MinimizeSpec out;
    out.span = node.span;
    out.trains_the_rest = !node.find("networks");
    if (node.is_scalar() && !node.is_null()) {
        out.loss = read_expression(node, "the loss", diagnostics);
        return out;
    }
    const std::string what = "an entry of `minimize`";
    const Values values =
        read_values(node, mapping("minimize entry").keys, what, node.span, diagnostics);
    out.repeat = values.integer("repeat");
    if (values.has("accumulate")) {
        out.accumulate = values.integer("accumulate");
        out.accumulate_span = values.spans.at("accumulate");
    }
    const auto value_of = [&](const char* key) {
        const Entry* entry = node.find(key);
        return entry && !entry->value->is_null() ? entry : nullptr;
    };
    if (const Entry* networks = value_of("networks")) {
        for (PlacedName& name : read_names(*networks->value, "`networks`", diagnostics)) {
            if (std::count(out.networks.begin(), out.networks.end(), name.name))
                diagnostics.error(DiagnosticKind::kDuplicateKey, name.span, "`{}` is named twice",
                                  name.name);
            out.networks.push_back(std::move(name.name));
            out.network_spans.push_back(name.span);
        }
    }
    if (const Entry* loss = value_of("loss"))
        out.loss = read_expression(*loss->value, "`loss`", diagnostics);
    if (const Entry* metrics = value_of("metrics"))
        out.metrics = read_named(*metrics, true, diagnostics);
    if (const Entry* optimizer = value_of("optimizer"))
        out.optimizer = read_optimizer(*optimizer->value, optimizer->key_span, diagnostics);
    if (const Entry* average = value_of("average"))
        out.average = read_expression(*average->value, "`average`", diagnostics);
    out.average_statistics = values.flag("average_statistics");
    out.name = values.text("name");
    return out;
}

/// Reads the entries, in the order in which an alternating schedule runs them.
std::vector<MinimizeSpec> read_minimize(const Entry& entry, Diagnostics& diagnostics) {
    std::vector<MinimizeSpec> out;
    if (!entry.value->is_list() && !entry.value->is_null()) {  // one entry needs no list around it
        out.push_back(read_entry(*entry.value, diagnostics));
        return out;
    }
    if (!expect_list(*entry.value, "`minimize`", entry.key_span, diagnostics,
                     "an entry is `- {networks: [encoder, decoder], loss: ...}`"))
        return out;
    for (const NodePtr& item : entry.value->items) out.push_back(read_entry(*item, diagnostics));
    if (out.empty())
        diagnostics.error(DiagnosticKind::kBadValue, entry.key_span, "`minimize` is empty");
    return out;
}

/// Reads `functions`: the key is a signature, the value an expression or a map of named ones.
std::vector<FunctionSpec> read_functions(const Entry& entry, Diagnostics& diagnostics) {
    std::vector<FunctionSpec> out;
    if (!expect_map(*entry.value, "`functions`", entry.key_span, diagnostics)) return out;
    for (const Entry& one : entry.value->entries) {
        FunctionSpec function;
        if (!read_signature(one, function.name, function.parameters, function.parameter_spans,
                            diagnostics))
            continue;
        function.span = one.key_span;
        if (one.value->is_null()) {
            diagnostics.error(DiagnosticKind::kWrongType, one.key_span, "`{}` has no value",
                              one.key);
        } else if (one.value->is_map() && !is_loop(*one.value)) {
            function.results = read_named(one, false, diagnostics);
            if (one.value->entries.empty())
                diagnostics.error(DiagnosticKind::kBadValue, one.key_span,
                                  "the function `{}` has no results", function.name);
        } else if (ExpressionPtr value =
                       read_expression(*one.value, fmt::format("`{}`", one.key), diagnostics)) {
            function.results.push_back({function.name, value, one.value->span});
        }
        const auto same = std::find_if(out.begin(), out.end(), [&](const FunctionSpec& other) {
            return other.name == function.name;
        });
        if (same != out.end())
            diagnostics
                .error(DiagnosticKind::kDuplicateKey, one.key_span,
                       "the function `{}` is given twice", function.name)
                .note(same->span, "it is given here first");
        out.push_back(std::move(function));
    }
    return out;
}

/// Puts `over` on top of `base` by name: first the names of `base` in their order, then the new
/// ones.
template <typename Named>
void override_by_name(std::vector<Named>& base, std::vector<Named> over) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < base.size(); ++i) places[base[i].name] = i;
    for (Named& one : over) {
        const auto same = places.find(one.name);
        if (same != places.end())
            base[same->second] = std::move(one);
        else
            base.push_back(std::move(one));
    }
}

/// Gives each metric of the whole objective to the entry that has one of that name, or else to the
/// last.
void spread_metrics(std::vector<NamedExpression> metrics, std::vector<MinimizeSpec>& minimize) {
    if (minimize.empty()) return;
    std::map<std::string, std::pair<MinimizeSpec*, size_t>> places;
    for (MinimizeSpec& entry : minimize)
        for (size_t i = 0; i < entry.metrics.size(); ++i)
            places[entry.metrics[i].name] = {&entry, i};
    MinimizeSpec& last = minimize.back();
    for (NamedExpression& metric : metrics) {
        const auto [place, is_new] =
            places.try_emplace(metric.name, std::pair{&last, last.metrics.size()});
        if (is_new)
            last.metrics.push_back(std::move(metric));
        else
            place->second.first->metrics[place->second.second] = std::move(metric);
    }
}

/// Reads `units`: name of a loss or metric: text.
std::vector<UnitSpec> read_units(const Entry& entry, Diagnostics& diagnostics) {
    std::vector<UnitSpec> out;
    if (!expect_map(*entry.value, "`units`", entry.key_span, diagnostics,
                    "for example `units: {kl: nats per example}`"))
        return out;
    for (const Entry& one : entry.value->entries)
        if (const auto text =
                read_value(*one.value, {one.key.c_str(), KeyType::kText, "", ""}, diagnostics))
            out.push_back({one.key, std::get<std::string>(*text), one.key_span});
    return out;
}

/// Removes units of losses and metrics that the objective does not have. A recipe may have such a
/// unit, since the model may have replaced the figure; in the author's own units it is an error.
void check_units(ObjectiveSpec& objective, Diagnostics& diagnostics) {
    std::vector<std::string> figures;
    for (const MinimizeSpec& entry : objective.minimize) {
        figures.push_back(objective.loss_name(entry));
        for (const NamedExpression& metric : entry.metrics) figures.push_back(metric.name);
    }
    std::erase_if(objective.units, [&](const UnitSpec& unit) {
        if (std::count(figures.begin(), figures.end(), unit.name)) return false;
        if (unit.span.file != objective.recipe.file || objective.recipe.name.empty())
            diagnostics
                .error(DiagnosticKind::kUnknownName, unit.span, "no loss or metric is called `{}`",
                       unit.name)
                .help(fmt::format("there {} {}", by_count(figures.size(), "is", "are"),
                                  quoted_list(figures)));
        return true;
    });
}

/// Gives the entry without `networks` all that no other entry trains and that can be trained.
void find_the_rest(std::vector<MinimizeSpec>& minimize, const std::vector<NetworkSpec>& networks,
                   Diagnostics& diagnostics) {
    std::set<std::string> listed;
    const MinimizeSpec* first = nullptr;
    for (const MinimizeSpec& entry : minimize)
        listed.insert(entry.networks.begin(), entry.networks.end());
    for (MinimizeSpec& entry : minimize) {
        if (!entry.trains_the_rest) continue;
        if (first) {
            diagnostics
                .error(DiagnosticKind::kMissingKey, entry.span,
                       "two entries of `minimize` leave out `networks`, and only one can train "
                       "what no other does")
                .note(first->span, "the other is here");
            continue;
        }
        first = &entry;
        for (const NetworkSpec& network : networks)
            if (!network.is_frozen() && listed.count(network.name) == 0)
                entry.networks.push_back(network.name);
        if (entry.networks.empty() && !networks.empty())
            diagnostics
                .error(DiagnosticKind::kLossNotInfluenced, entry.span,
                       "nothing is left for this entry to train: every network is frozen, or "
                       "another entry lists it")
                .help("say `networks`, or leave the entry out");
    }
}

/// Names the entries (the key `name`, or else the networks joined) and reports names that are given
/// twice.
void name_entries(std::vector<MinimizeSpec>& minimize, Diagnostics& diagnostics) {
    std::set<std::string> taken;
    for (MinimizeSpec& entry : minimize) {
        if (entry.name.empty()) entry.name = fmt::format("{}", fmt::join(entry.networks, "_"));
        if (!taken.insert(entry.name).second)
            diagnostics
                .error(DiagnosticKind::kDuplicateKey, entry.span,
                       "two entries of `minimize` are called `{}`", entry.name)
                .help("give one of them a `name`");
    }
}

/// `simultaneous` and `extragradient` update all entries together, so no entry can ask for several
/// updates.
void check_no_repeats(const std::vector<MinimizeSpec>& minimize, const std::string& schedule,
                      Diagnostics& diagnostics) {
    for (const MinimizeSpec& entry : minimize)
        if (entry.repeat > 1)
            diagnostics
                .error(DiagnosticKind::kBadValue, entry.span,
                       "`schedule: {}` updates all entries at once, but `{}` has `repeat: {}`",
                       schedule, entry.name, entry.repeat)
                .help("`schedule: alternating` updates entry after entry");
}

}  // namespace

/// A signature is written like a call, so it is parsed as an expression.
bool read_signature(const Entry& entry, std::string& name, std::vector<std::string>& parameters,
                    std::vector<Span>& spans, Diagnostics& diagnostics) {
    Node scalar;
    scalar.kind = Node::Kind::kScalar;
    scalar.text = entry.key;
    scalar.span = entry.key_span;
    Result<ExpressionPtr> parsed = parse_expression(scalar, diagnostics);
    if (!parsed) return false;
    const Expression& call = **parsed;
    bool ok = call.kind == Expression::Kind::kCall;
    if (ok)
        for (size_t i = 0; i < call.arguments.size(); ++i)
            ok &= call.arguments[i]->kind == Expression::Kind::kName &&
                  call.argument_names[i].empty();
    if (!ok) {
        diagnostics
            .error(DiagnosticKind::kBadValue, entry.key_span,
                   "a function is written `name(parameters)`, not `{}`", entry.key)
            .help("for example `sample(z): generator(z)`");
        return false;
    }
    name = call.text;
    for (const ExpressionPtr& parameter : call.arguments) {
        if (std::count(parameters.begin(), parameters.end(), parameter->text))
            diagnostics.error(DiagnosticKind::kDuplicateKey, parameter->span,
                              "`{}` has two parameters `{}`", name, parameter->text);
        parameters.push_back(parameter->text);
        spans.push_back(parameter->span);
    }
    return true;
}

/// Both a model's `objective` and a recipe's file go through this, so they have the same keys with
/// the same meaning. Which keys are allowed is checked by the callers, since a recipe has more.
ObjectivePart read_objective_part(const Node& map, Diagnostics& diagnostics) {
    ObjectivePart out;
    for (const Entry& entry : map.entries) {
        if (entry.value->is_null()) continue;  // reported with the keys
        if (entry.key == "let") out.let = read_named(entry, false, diagnostics);
        if (entry.key == "state") out.states = read_states(entry, diagnostics);
        if (entry.key == "minimize") out.minimize = read_minimize(entry, diagnostics);
        if (entry.key == "metrics") out.metrics = read_named(entry, true, diagnostics);
        if (entry.key == "units") out.units = read_units(entry, diagnostics);
        if (entry.key == "functions") out.functions = read_functions(entry, diagnostics);
        if (entry.key != "schedule") continue;
        const KeyRow* row = find_key(mapping("objective").keys, "schedule");
        if (const auto word = read_value(*entry.value, *row, diagnostics))
            out.schedule = std::get<std::string>(*word);
    }
    return out;
}

/// 1. With `recipe`, the recipe's part is read and its roles and parameters are replaced; without
///    it, the part begins empty, and `minimize` is required.
/// 2. The model's own keys are laid over it: `let`, `state` and `functions` name by name,
///    `minimize` as a whole, since half of a recipe's entries with half of the author's would train
///    something neither meant; metrics are added.
/// 3. Metrics are given to the entries of `minimize` that compute them. The entry without networks
///    gets those that are left, and entries without a name get one.
ObjectiveSpec read_objective(const Entry& objective, const std::vector<NetworkSpec>& networks,
                             const std::vector<std::string>& recipe_directories,
                             Diagnostics& diagnostics) {
    ObjectiveSpec out;
    out.span = objective.key_span;
    if (!expect_map(*objective.value, "`objective`", objective.key_span, diagnostics,
                    "a recipe is named by `objective: {recipe: vae}`"))
        return out;
    const Node& map = *objective.value;
    ObjectivePart part;
    const Entry* recipe = map.find("recipe");
    if (recipe && !recipe->value->is_null()) {
        Result<ObjectivePart> read =
            read_recipe(map, *recipe, networks, recipe_directories, diagnostics);
        if (!read) return out;
        out.recipe = read->recipe;
        part = read.take();
    } else {
        const bool known = check_keys(map, mapping("objective").keys, "`objective`",
                                      objective.key_span, diagnostics);
        if (known && !map.find("minimize"))
            diagnostics.error(DiagnosticKind::kMissingKey, objective.key_span,
                              "`objective` has neither `recipe` nor `minimize`");
    }
    ObjectivePart own = read_objective_part(map, diagnostics);
    override_by_name(part.let, std::move(own.let));
    override_by_name(part.states, std::move(own.states));
    override_by_name(part.functions, std::move(own.functions));
    override_by_name(part.units, std::move(own.units));
    if (map.find("minimize")) part.minimize = std::move(own.minimize);
    if (!own.schedule.empty()) part.schedule = own.schedule;
    spread_metrics(std::move(part.metrics), part.minimize);
    spread_metrics(std::move(own.metrics), part.minimize);
    find_the_rest(part.minimize, networks, diagnostics);
    name_entries(part.minimize, diagnostics);
    out.let = std::move(part.let);
    out.states = std::move(part.states);
    out.minimize = std::move(part.minimize);
    out.functions = std::move(part.functions);
    out.units = std::move(part.units);
    check_units(out, diagnostics);
    out.extragradient = part.schedule == "extragradient";
    out.simultaneous = part.schedule == "simultaneous" || out.extragradient;
    if (out.simultaneous) check_no_repeats(out.minimize, part.schedule, diagnostics);
    return out;
}

}  // namespace gmc::dsl
