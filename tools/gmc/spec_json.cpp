// Writes a ModelSpec as JSON; one function per struct of dsl/spec.h. What has a default and was not
// written is shown with it, since this is for seeing what a model means in the end.
#include "tools/gmc/spec_json.h"

namespace gmc::tools {
namespace {

template <typename Items, typename Convert>
Json array(const Items& items, Convert convert) {
    Json out = Json::array();
    for (const auto& item : items) out.push_back(convert(item));
    return out;
}

Json expressions(const std::vector<dsl::NamedExpression>& list) {
    Json out = Json::object();
    for (const dsl::NamedExpression& e : list) out[e.name] = dsl::to_string(*e.value);
    return out;
}

Json layer(const dsl::LayerSpec& spec) {
    Json out = {{"kind", spec.kind}};
    if (!spec.name.empty()) out["name"] = spec.name;
    if (!spec.from.empty()) out["from"] = spec.from;
    for (const auto& [key, value] : spec.values)
        std::visit([&](const auto& v) { out[key] = v; }, value);
    for (const auto& [key, value] : spec.expressions) out[key] = dsl::to_string(*value);
    return out;
}

Json network(const dsl::NetworkSpec& spec) {
    Json out = {{"name", spec.name}, {"role", spec.role}};
    Json& inputs = out["inputs"] = Json::object();
    for (const dsl::NetworkInput& input : spec.inputs) {
        if (input.like.empty())
            inputs[input.name] = input.shape;
        else
            inputs[input.name] = input.like;
    }
    out["layers"] = array(spec.layers, layer);
    if (spec.outputs.empty()) return out;
    Json& outputs = out["outputs"] = Json::object();
    for (const dsl::NetworkOutput& output : spec.outputs)
        outputs[output.name] = array(output.layers, layer);
    return out;
}

Json data_field(const dsl::DataField& field) {
    return {{"name", field.name},
            {"format", field.format},
            {"source", field.source},
            {"shape", field.shape},
            {"range", std::vector<double>{field.range_low, field.range_high}},
            {"count", field.count}};
}

Json optimizer(const dsl::OptimizerSpec& spec) {
    return {{spec.kind, expressions(spec.parameters)}};
}

Json minimize(const dsl::MinimizeSpec& spec) {
    Json out = {
        {"name", spec.name}, {"networks", spec.networks}, {"loss", dsl::to_string(*spec.loss)}};
    if (!spec.metrics.empty()) out["metrics"] = expressions(spec.metrics);
    if (spec.optimizer) out["optimizer"] = optimizer(*spec.optimizer);
    if (spec.repeat != 1) out["repeat"] = spec.repeat;
    if (spec.accumulate != 1) out["accumulate"] = spec.accumulate;
    if (spec.average) out["average"] = dsl::to_string(*spec.average);
    return out;
}

Json function(const dsl::FunctionSpec& spec) {
    return {{"name", spec.name},
            {"parameters", spec.parameters},
            {"results", expressions(spec.results)}};
}

}  // namespace

Json spec_json(const dsl::ModelSpec& spec) {
    Json out = {{"model", spec.name}, {"description", spec.description}};
    out["data"] = array(spec.data, data_field);
    if (!spec.test.empty()) out["test"] = array(spec.test, data_field);
    out["networks"] = array(spec.networks, network);
    const dsl::ObjectiveSpec& objective = spec.objective;
    out["objective"] = {{"recipe", objective.recipe.name},
                        {"let", expressions(objective.let)},
                        {"minimize", array(objective.minimize, minimize)},
                        {"schedule", objective.extragradient  ? "extragradient"
                                     : objective.simultaneous ? "simultaneous"
                                                              : "alternating"},
                        {"functions", array(objective.functions, function)}};
    out["train"] = {{"batch_size", spec.train.batch_size},
                    {"epochs", spec.train.epochs},
                    {"optimizer", optimizer(spec.train.optimizer)}};
    return out;
}

}  // namespace gmc::tools
