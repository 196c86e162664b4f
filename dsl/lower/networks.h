// Applies networks: looks up the inputs of each layer by name and calls the layer's builder.
// Enters: a NetworkSpec and batched arguments. Leaves: the values of its outputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// The outputs of one application of a network. Its key is the output's name, or "" when the
/// network has only one.
using NetworkOutputs = std::map<std::string, ir::ValueId>;

/// One layer, as `gmc summary` shows it.
struct LayerSummary {
    std::string name;
    std::string kind;
    /// The shape of its output, without the batch.
    ir::Shape shape;
    int64_t parameters = 0, statistics = 0;
    /// Operations of the forward pass per example; a multiply-add counts as two.
    int64_t flops = 0;
    /// The named output that it leads to, or "".
    std::string output;
};

/// One network, as `gmc summary` shows it: its inputs with their shapes per example, its layers in
/// order.
struct NetworkSummary {
    std::string name, role;
    bool frozen = false;  ///< training leaves it as it is
    std::vector<std::pair<std::string, ir::Shape>> inputs;
    std::vector<LayerSummary> layers;
};

/// Finds the shape per example of a network's input, which is given or that of a field. Reports
/// unknown names.
bool input_shape(ModuleScope& m, const dsl::NetworkInput& input, ir::Shape& shape);

/// Applies `network` to one batched argument per input, whose shapes the caller has checked. False
/// after an error. An error is reported at the first application only, since the shapes inside a
/// network do not depend on where it is used. `summary` may be null.
bool apply_network(FunctionScope& f, const dsl::NetworkSpec& network,
                   const std::vector<ir::ValueId>& arguments, NetworkOutputs& outputs,
                   NetworkSummary* summary);

/// Applies every network once to placeholders. That declares all parameters, and then the states of
/// the objective, in the order of the file, finds the frozen networks, reports shapes that do not
/// fit inside networks, and collects the summaries. False after an error.
bool declare_networks(ModuleScope& m, std::vector<NetworkSummary>& summaries);

}  // namespace gmc::lower
