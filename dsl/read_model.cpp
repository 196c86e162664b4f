// The order in which a model is read: text, bases, --set, variables, keys, sections, names. Each
// part assumes that the ones before it were applied.
#include <algorithm>
#include <filesystem>
#include <set>

#include "dsl/data/data_files.h"
#include "dsl/reader.h"

namespace gmc::dsl {
namespace {

/// Copies `average` of `train` into each entry of `minimize` that has none, unless one of its
/// networks is averaged already: by an entry before it, or by an entry with an `average` of its
/// own.
void spread_average(ModelSpec& model) {
    std::set<std::string> averaged;
    for (const MinimizeSpec& entry : model.objective.minimize)
        if (entry.average) averaged.insert(entry.networks.begin(), entry.networks.end());
    for (MinimizeSpec& entry : model.objective.minimize) {
        const bool known =
            std::any_of(entry.networks.begin(), entry.networks.end(),
                        [&](const std::string& network) { return averaged.count(network) != 0; });
        if (entry.average || known) continue;
        entry.average = model.train.average;
        averaged.insert(entry.networks.begin(), entry.networks.end());
    }
}

/// Copies `average_statistics` of `train` into all entries that have an average; without one there
/// is nothing to be an average of statistics.
void spread_statistics(ModelSpec& model, Diagnostics& diagnostics) {
    bool averaged = false;
    const auto report = [&](Span where) {
        diagnostics
            .error(DiagnosticKind::kMissingKey, where,
                   "`average_statistics` adds to an `average`, and there is none")
            .help("for example `average: 0.999`");
    };
    for (MinimizeSpec& entry : model.objective.minimize) {
        if (entry.average_statistics && !entry.average) report(entry.span);
        averaged |= entry.average != nullptr;
        entry.average_statistics |= model.train.average_statistics;
    }
    if (model.train.average_statistics && !averaged) report(model.train.span);
}

/// Copies `accumulate` of `train` into the entries of `minimize` that have none. Entries that are
/// updated at once need as many batches each.
void spread_accumulate(ModelSpec& model, Diagnostics& diagnostics) {
    std::vector<MinimizeSpec>& entries = model.objective.minimize;
    for (MinimizeSpec& entry : entries)
        if (entry.accumulate == 0)
            entry.accumulate = std::max<int64_t>(model.train.accumulate, 1);  // 0 after an error
    for (const MinimizeSpec& entry : entries) {
        if (!model.objective.simultaneous || entry.accumulate == entries.front().accumulate)
            continue;
        const Span own = entry.accumulate_span;
        diagnostics
            .error(DiagnosticKind::kBadValue, own.known() ? own : entries.front().accumulate_span,
                   "`schedule: {}` updates all entries at once, but `{}` accumulates {} batches "
                   "and `{}` {}",
                   model.objective.extragradient ? "extragradient" : "simultaneous",
                   entries.front().name, entries.front().accumulate, entry.name, entry.accumulate)
            .help("give `accumulate` under `train`, for all entries");
    }
}

/// The key `model`, or else the name of the file without its ending.
std::string model_name(const Values& values, const std::string& path, Span where,
                       Diagnostics& diagnostics) {
    if (values.has("model")) return values.text("model");
    std::string name = std::filesystem::path(path).stem().string();
    if (values.ok && !check_name(name, "a model that does not say `model`", where, diagnostics))
        return "";
    return name;
}

/// Reads all sections, also those after one with errors.
/// `begin` is the place of the file's first character.
ModelSpec read_sections(const Node& root, Span begin, const Bindings& variables,
                        const ReadModelOptions& options, Diagnostics& diagnostics) {
    ModelSpec model;
    const Values values =
        read_values(root, mapping("model").keys, "the model", root.span, diagnostics);
    model.begin = begin;
    model.name = model_name(values, options.path, begin, diagnostics);
    model.description = values.text("description");
    const bool all_known =  // else `network:` is one, and was reported
        std::all_of(root.entries.begin(), root.entries.end(), [](const Entry& entry) {
            return find_key(mapping("model").keys, entry.key) != nullptr;
        });
    if (all_known && !root.find("networks") && !root.find("parameters"))
        diagnostics.error(DiagnosticKind::kMissingKey, root.span,
                          "the model needs the key `networks` (the networks by name), or "
                          "`parameters`");
    const auto section = [&](const char* key) {
        const Entry* entry = root.find(key);
        return entry && !entry->value->is_null() ? entry : nullptr;
    };
    if (const Entry* named = section("variables"))
        expect_map(*named->value, "`variables`", named->key_span, diagnostics);
    if (const Entry* data = section("data")) read_data(*data, model, diagnostics);
    if (const Entry* define = section("define"))
        model.definitions = read_definitions(*define, diagnostics);
    Blocks blocks = read_blocks(root, diagnostics);
    const Callables callables = find_callables(root);
    if (const Entry* networks = section("networks"))
        model.networks = read_networks(*networks, blocks, callables, model.data, diagnostics);
    check_unused_blocks(blocks, callables, diagnostics);
    if (const Entry* parameters = section("parameters"))
        for (NetworkSpec& parameter : read_parameters(*parameters, diagnostics))
            model.networks.push_back(std::move(parameter));
    if (const Entry* objective = section("objective"))
        model.objective =
            read_objective(*objective, model.networks, options.recipe_directories, diagnostics);
    leave_out_frozen(model, diagnostics);
    if (!root.find("train") || section("train"))
        model.train = read_train(section("train"), diagnostics);
    if (model.train.average) spread_average(model);
    spread_statistics(model, diagnostics);
    spread_accumulate(model, diagnostics);
    if (model.train.validate_share > 0)
        for (const DataField& field : model.data)
            if (field.own_order && field.format != "labels")
                diagnostics
                    .error(DiagnosticKind::kBadValue, field.span,
                           "`validate` keeps a share of the examples out of training, which those "
                           "of a field with `order: own` are no part of")
                    .help("`validate: test` takes the test data");
    if (model.objective.extragradient && model.train.on_divergence == "lower_rate")
        diagnostics
            .error(DiagnosticKind::kBadValue, model.train.span,
                   "`on_divergence: lower_rate` cannot lower the updates of `schedule: "
                   "extragradient`, of which the first is taken back")
            .help("`on_divergence: rollback` goes back with the rate as it is");
    // Without networks or data every name would be unknown; that they are missing was reported
    // once.
    if (!model.networks.empty() && !model.data.empty()) check_names(model, variables, diagnostics);
    return model;
}

/// models/layers lies beside models/recipes.
std::vector<std::string> layer_directories(const std::vector<std::string>& recipe_directories) {
    std::vector<std::string> out;
    for (const std::string& recipes : recipe_directories)
        out.push_back((std::filesystem::path(recipes).parent_path() / "layers").string());
    return out;
}

}  // namespace

Result<ModelSpec> read_model(const ReadModelOptions& options, Diagnostics& diagnostics) {
    const size_t errors = diagnostics.count();
    const Span begin{diagnostics.sources().count() + 1, 1, 1, 1};
    Result<NodePtr> document =
        read_with_bases(options.path, layer_directories(options.recipe_directories), diagnostics);
    if (!document) return Failure{};
    const NodePtr set = apply_sets(*document, options.sets, diagnostics);
    const Bindings variables = read_variables(*set, diagnostics);
    const NodePtr root = substitute_variables(set, variables, diagnostics);
    ModelSpec model = read_sections(*root, begin, variables, options, diagnostics);
    if (diagnostics.count() != errors) {
        (void)check_data_files(model, false, diagnostics);
        return Failure{};
    }
    check_unused_variables(*set, diagnostics);
    return model;
}

}  // namespace gmc::dsl
