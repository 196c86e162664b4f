// A canonical text of the parts that count, and its hash (FNV-1a, 64 bits).
#include "dsl/fingerprint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

namespace gmc::dsl {
namespace {

std::string hash(const std::string& text) {
    uint64_t sum = 14695981039346656037U;
    for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return fmt::format("{:016x}", sum);
}

std::string text_of(const LayerValue& value) {
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
        return fmt::format("[{}]", fmt::join(*list, ","));
    if (const auto* word = std::get_if<std::string>(&value)) return *word;
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* integer = std::get_if<int64_t>(&value)) return fmt::format("{}", *integer);
    return fmt::format("{}", std::get<double>(value));
}

std::string text_of(const std::vector<LayerSpec>& layers) {
    std::string out;
    for (const LayerSpec& layer : layers) {
        out += fmt::format("{} {} from {}\n", layer.kind, layer.name, fmt::join(layer.from, ","));
        for (const auto& [key, value] : layer.values)
            out += fmt::format("  {}={}\n", key, text_of(value));
        for (const auto& [key, value] : layer.expressions)
            out += fmt::format("  {}={}\n", key, to_string(*value));
    }
    return out;
}

std::string text_of(const std::vector<NamedExpression>& expressions) {
    std::string out;
    for (const NamedExpression& each : expressions)
        out += fmt::format("  {}: {}\n", each.name, to_string(*each.value));
    return out;
}

std::string text_of(const NetworkSpec& network) {
    std::string out = fmt::format("network {}\n", network.name);
    for (const NetworkInput& input : network.inputs)
        out += fmt::format("input {} {} {}\n", input.name, input.like, fmt::join(input.shape, ","));
    out += text_of(network.layers);
    for (const NetworkOutput& output : network.outputs)
        out += fmt::format("output {}\n{}", output.name, text_of(output.layers));
    if (network.is_frozen()) out += "frozen\n";
    if (network.weights && !network.weights->frozen_layers.empty())
        out += fmt::format("frozen {}\n", fmt::join(network.weights->frozen_layers, ","));
    return out;
}

std::string text_of(const ObjectiveSpec& objective) {
    std::string out = "let\n" + text_of(objective.let);
    for (const MinimizeSpec& entry : objective.minimize)
        out += fmt::format("minimize {} of {}: {}\n", entry.name, fmt::join(entry.networks, ","),
                           to_string(*entry.loss));
    return out;
}

std::string text_of_functions(const ObjectiveSpec& objective) {
    std::string out;
    for (const FunctionSpec& function : objective.functions)
        out += fmt::format("function {}({})\n{}", function.name,
                           fmt::join(function.parameters, ","), text_of(function.results));
    return out;
}

}  // namespace

std::string model_fingerprint(const ModelSpec& spec) {
    std::string text;
    for (const NetworkSpec& network : spec.networks) text += text_of(network);
    text += text_of(spec.objective);
    return hash(text + text_of_functions(spec.objective)) + '+' + hash(text);
}

std::string data_fingerprint(const ModelSpec& spec) {
    std::string text;
    for (const DataField& field : spec.data) {
        text += fmt::format("{} {} {} {} [{}] [{},{}] {} {} {}\n", field.name, field.format,
                            std::filesystem::path(field.source).filename().string(), field.key,
                            fmt::join(field.shape, ","), field.range_low, field.range_high,
                            field.classes, field.crop, field.flip);
        // How numbers are scaled, and in which order categories are.
        if (!field.table.empty()) text += field.table + "\n";
        if (field.own_order) text += "own order\n";
        if (field.rate > 0) text += fmt::format("{} {}\n", field.rate, field.hop);
    }
    return hash(text);
}

}  // namespace gmc::dsl
