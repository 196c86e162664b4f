// Networks: layers applied one after another, by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// What one application of a network gives: "" is the only output, or each named head.
using NetworkOutputs = std::map<std::string, ir::ValueId>;

/// One layer as `gmc summary` shows it.
struct LayerSummary {
    std::string name;
    std::string kind;
    ir::Shape shape;  ///< of its output, without the batch
    int64_t parameters = 0, statistics = 0;
    int64_t flops = 0;   ///< forward, per example; a multiply-add counts as two
    std::string output;  ///< the head it belongs to, or ""
};

struct NetworkSummary {
    std::string name, role;
    std::vector<std::pair<std::string, ir::Shape>> inputs;
    std::vector<LayerSummary> layers;
};

/// The example shape of a network's input, from its own shape or the data's. Reports unknown names.
bool input_shape(ModuleScope& m, const dsl::NetworkInput& input, ir::Shape& shape);

/// Applies `network` to batched arguments, one per input, whose shapes were checked. False after an
/// error, which is reported once: the shapes of a network do not depend on where it is used.
/// `summary` may be null.
bool apply_network(FunctionScope& f, const dsl::NetworkSpec& network,
                   const std::vector<ir::ValueId>& arguments, NetworkOutputs& outputs,
                   NetworkSummary* summary);

/// Applies every network once to placeholders: declares all parameters in the order of the file,
/// reports what does not fit inside them, and collects the summaries. False after an error.
bool declare_networks(ModuleScope& m, std::vector<NetworkSummary>& summaries);

}  // namespace gmc::lower
