// The readers of a model's sections; each is one .cpp file.
// Enters: the expanded YAML tree. Leaves: parts of a ModelSpec. A reader reports errors to
// Diagnostics and goes on reading, so that one run shows many; read_model gives no model when
// anything was reported.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dsl/expand.h"
#include "dsl/networks/layers.h"
#include "dsl/spec.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// networks.cpp: reads `networks:`.
std::vector<NetworkSpec> read_networks(const Entry& networks, Blocks& blocks,
                                       const Callables& callables,
                                       const std::vector<DataField>& data,
                                       Diagnostics& diagnostics);

/// tensors.cpp: reads `parameters:` of a model, each as a network of one layer, and `state:` of an
/// objective.
std::vector<NetworkSpec> read_parameters(const Entry& parameters, Diagnostics& diagnostics);
std::vector<StateSpec> read_states(const Entry& states, Diagnostics& diagnostics);

/// weights.cpp: reads `weights:` of a network.
WeightsSpec read_weights(const Entry& weights, const std::string& what, Diagnostics& diagnostics);
/// weights.cpp: takes frozen networks out of the entries of `minimize`. Reports an entry that then
/// has nothing left to train.
void leave_out_frozen(ModelSpec& model, Diagnostics& diagnostics);

/// data.cpp: reads `data:` with its `test:`.
void read_data(const Entry& data, ModelSpec& model, Diagnostics& diagnostics);

/// train.cpp: reads a number, an expression, or a schedule such as {linear: {from: 0, to: 1, over:
/// 10 epochs}}, which becomes the call linear(0, 1, 10, epoch). `true` and `false` are read only
/// where `flags` says so. Null after an error.
ExpressionPtr read_expression(const Node& node, const std::string& what, Diagnostics& diagnostics,
                              bool flags = false);

/// loop.cpp: whether a map is a loop, and reads it. `name` is the entry of `let` that it is the
/// value of. Null after an error.
bool is_loop(const Node& node);
ExpressionPtr read_loop(const Node& map, const std::string& name, Span span,
                        Diagnostics& diagnostics);

/// train.cpp: reads `train:`, and an optimizer such as {adam: {learning_rate: 1e-4}}.
TrainSpec read_train(const Entry* train, Diagnostics& diagnostics);
std::optional<OptimizerSpec> read_optimizer(const Node& node, Span where, Diagnostics& diagnostics);

/// What one text says about an objective; the text is a model, a recipe or a recipe's `choose`.
struct ObjectivePart {
    std::vector<NamedExpression> let;
    std::vector<StateSpec> states;
    std::vector<MinimizeSpec> minimize;
    std::vector<NamedExpression> metrics;
    std::vector<FunctionSpec> functions;
    std::vector<UnitSpec> units;
    std::string schedule;  ///< "" = not given
    RecipeUse recipe;      ///< the recipe it is read from, if it is one
};

/// objective.cpp: reads the keys let, state, minimize, metrics, units, functions and schedule of a
/// map and ignores all others.
ObjectivePart read_objective_part(const Node& map, Diagnostics& diagnostics);
/// objective.cpp: reads `objective:`.
ObjectiveSpec read_objective(const Entry& objective, const std::vector<NetworkSpec>& networks,
                             const std::vector<std::string>& recipe_directories,
                             Diagnostics& diagnostics);

/// definitions.cpp: reads `define:`, functions of the author's own.
std::vector<Definition> read_definitions(const Entry& define, Diagnostics& diagnostics);
/// definitions.cpp: reports definitions and networks that contain themselves, and those that are
/// too deep or too large with all that they call.
void check_no_recursion(const ModelSpec& model, Diagnostics& diagnostics);

/// objective.cpp: reads a signature such as `sample(z)`, the key of a function.
bool read_signature(const Entry& entry, std::string& name, std::vector<std::string>& parameters,
                    std::vector<Span>& spans, Diagnostics& diagnostics);

/// recipe.cpp: finds the recipe that `objective` names and replaces its roles and parameters. Also
/// checks the keys of `objective`, since those depend on the recipe.
Result<ObjectivePart> read_recipe(const Node& objective, const Entry& recipe,
                                  const std::vector<NetworkSpec>& networks,
                                  const std::vector<std::string>& directories,
                                  Diagnostics& diagnostics);

/// recipe_use.cpp: whether the networks and the data are such as the recipe takes them for: names
/// of outputs, numbers of inputs, fields. One error per network, at the network.
void check_recipe_use(const ModelSpec& model, Diagnostics& diagnostics);

/// let_chains.cpp: reports entries of `let` that depend on themselves (the message shows the
/// cycle), and chains that are too long.
void check_let_chains(const std::vector<NamedExpression>& let, Diagnostics& diagnostics);

/// names.cpp: checks every name and call in the model's expressions, cycles in `let`, and the
/// networks that `minimize` names. Replaces numeric variables by their values.
void check_names(ModelSpec& model, const Bindings& variables, Diagnostics& diagnostics);

}  // namespace gmc::dsl
