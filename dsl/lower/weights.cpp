// Asks runtime/weights, and gives its errors their place in the model.
#include "dsl/lower/weights.h"

#include "dsl/data/data_paths.h"
#include "runtime/weights/pairing.h"
#include "runtime/weights/weight_file.h"

namespace gmc::lower {
namespace {

/// Reports at `from` what a reader of files has found.
void report_file(const dsl::WeightsSpec& spec, const Diagnostics& found, Diagnostics& diagnostics) {
    Diagnostic error = found.list().front();
    error.span = spec.from_span;
    for (const std::string& hint : dsl::where_looked(runtime::weight_file_of(spec.from)))
        error.help(hint);
    diagnostics.add(std::move(error));
}

void look_into_file(ModuleScope& m, const dsl::WeightsSpec& spec, ir::Network& network) {
    Diagnostics found;
    const auto file = runtime::open_weights(spec.from, found);
    const auto checksum = file.ok() ? runtime::verified_checksum(*file, found) : Failure{};
    if (!checksum.ok()) {
        report_file(spec, found, m.diagnostics);
        return;
    }
    network.weights = spec.from;
    network.layout = spec.layout;
    network.map = spec.map;
    network.checksum = *checksum;
    const std::string& wanted = spec.network.empty() ? network.name : spec.network;
    const auto source = runtime::source_network(*file, wanted, !spec.network.empty(),
                                                spec.network_span, m.diagnostics);
    if (!source.ok()) return;
    network.source = *source;
    (void)runtime::pair_network(*file, m.module, network, spec.from_span, m.diagnostics);
}

}  // namespace

void write_networks(ModuleScope& m) {
    for (const dsl::NetworkSpec& spec : m.spec.networks) {
        ir::Network network;
        network.name = spec.name;
        network.frozen = m.frozen_networks.count(spec.name) != 0;
        const bool has_file = spec.weights && !spec.weights->from.empty();
        if (has_file) look_into_file(m, *spec.weights, network);
        if (network.frozen || has_file) m.module.networks.push_back(std::move(network));
    }
}

}  // namespace gmc::lower
