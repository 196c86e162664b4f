// gmc summary: prints the networks layer by layer, as Keras does, with FLOPs.
#include <algorithm>

#include "compiler/support/json.h"
#include "compiler/support/numbers.h"
#include "compiler/support/say.h"
#include "dsl/lower/summary.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/model_source.h"

namespace gmc::tools {
namespace {

using lower::LayerSummary;
using lower::NetworkSummary;

/// FLOPs per example with a unit: "2.1 M", "640".
std::string scaled(int64_t flops) {
    const auto value = static_cast<double>(flops);
    if (flops >= 1'000'000'000) return fmt::format("{:.2f} G", value / 1e9);
    if (flops >= 1'000'000) return fmt::format("{:.2f} M", value / 1e6);
    if (flops >= 10'000) return fmt::format("{:.1f} k", value / 1e3);
    return fmt::format("{}", flops);
}

/// The sums of a network's layers.
struct Totals {
    int64_t parameters = 0, statistics = 0, flops = 0;
};

Totals totals_of(const NetworkSummary& network) {
    Totals t;
    for (const LayerSummary& layer : network.layers) {
        t.parameters += layer.parameters;
        t.statistics += layer.statistics;
        t.flops += layer.flops;
    }
    return t;
}

/// The layer's name, `conv2d` or `conv2d_1`; a name that its author gave is followed by the kind:
/// `code (dense)`.
std::string label_of(const LayerSummary& layer) {
    if (layer.name == layer.kind || layer.name.starts_with(layer.kind + "_")) return layer.name;
    return fmt::format("{} ({})", layer.name, layer.kind);
}

/// A row per layer. The first column is as wide as the longest name, at least 34 characters, so
/// that networks with short names line up with each other.
void print_network(const NetworkSummary& network) {
    print_out("{}{}{}\n", network.name,
              network.role.empty() || network.role == network.name ? "" : " (" + network.role + ")",
              network.frozen ? ", frozen" : "");
    size_t width = 34;
    for (const LayerSummary& layer : network.layers)
        width = std::max(width, label_of(layer).size());
    const auto row = [&](const std::string& label, const std::string& shape,
                         const std::string& parameters, const std::string& flops) {
        std::string line =
            fmt::format("  {:{}} {:>16} {:>12} {:>12}", label, width, shape, parameters, flops);
        line.erase(line.find_last_not_of(' ') + 1);
        print_out("{}\n", line);
    };
    row("layer", "output shape", "parameters", "FLOPs");
    for (const auto& [name, shape] : network.inputs)
        row(name + " (input)", ir::to_string(shape), "", "");
    for (const LayerSummary& layer : network.layers)
        row(label_of(layer), ir::to_string(layer.shape), grouped(layer.parameters),
            scaled(layer.flops));
    const Totals t = totals_of(network);
    row("total", "", grouped(t.parameters), scaled(t.flops));
    if (t.statistics > 0)
        print_out("  and {} running statistics, which are not trained\n", grouped(t.statistics));
    print_out("\n");
}

Json to_json(const NetworkSummary& network) {
    const Totals t = totals_of(network);
    Json json{{"name", network.name},       {"role", network.role},
              {"frozen", network.frozen},   {"parameters", t.parameters},
              {"statistics", t.statistics}, {"flops", t.flops}};
    json["layers"] = Json::array();
    for (const LayerSummary& l : network.layers)
        json["layers"].push_back({{"name", l.name},
                                  {"kind", l.kind},
                                  {"shape", l.shape},
                                  {"parameters", l.parameters},
                                  {"statistics", l.statistics},
                                  {"flops", l.flops}});
    return json;
}

}  // namespace

int summary_command(const Words& words) {
    CommandLine line("gmc summary [options] MODEL",
                     "Shows the networks of a model: layers, shapes without the batch, parameters, "
                     "and FLOPs of one example "
                     "forward (a multiply-add counts as two).");
    add_model(line);
    line.add_flag("json", "print one JSON object");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    const Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    const auto networks = lower::summarize(*spec, diagnostics);
    if (!networks) return report(diagnostics);
    if (!line.flag("json")) {
        for (const NetworkSummary& network : *networks) print_network(network);
        return kDone;
    }
    Json json{{"model", spec->name}};
    json["networks"] = Json::array();
    for (const NetworkSummary& network : *networks) json["networks"].push_back(to_json(network));
    print_out("{}\n", json.dump());
    return kDone;
}

}  // namespace gmc::tools
