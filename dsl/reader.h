// The readers of the sections of a model, each one .cpp: checked nodes in, a part of the ModelSpec
// out. All report to Diagnostics and go on; read_model gives nothing back when anything was
// reported.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dsl/expand.h"
#include "dsl/layers.h"
#include "dsl/spec.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// networks.cpp: `networks:`.
std::vector<NetworkSpec> read_networks(const Entry& networks, Blocks& blocks,
                                       const std::vector<DataField>& data,
                                       Diagnostics& diagnostics);

/// data.cpp: `data:` with its `test:`.
void read_data(const Entry& data, ModelSpec& model, Diagnostics& diagnostics);

/// train.cpp: a number, an expression, or a schedule such as {linear: {from: 0, to: 1, over: 10
/// epochs}}, which becomes the call linear(0, 1, 10, epoch). Null after an error.
ExpressionPtr read_expression(const Node& node, const std::string& what, Diagnostics& diagnostics);

/// train.cpp: `train:`, and an optimizer such as {adam: {learning_rate: 1e-4}}.
TrainSpec read_train(const Entry* train, Diagnostics& diagnostics);
std::optional<OptimizerSpec> read_optimizer(const Node& node, Span where, Diagnostics& diagnostics);

/// What an objective says, as written in a model, a recipe or a recipe's choice.
struct ObjectivePart {
    std::vector<NamedExpression> let;
    std::vector<MinimizeSpec> minimize;
    std::vector<NamedExpression> metrics;
    std::vector<FunctionSpec> functions;
    std::string schedule;  ///< "" = not given
    RecipeUse recipe;      ///< the recipe it is read from, if it is one
};

/// objective.cpp: the keys let, minimize, metrics, functions, schedule of a map; others are not
/// looked at.
ObjectivePart read_objective_part(const Node& map, Diagnostics& diagnostics);
/// objective.cpp: `objective:`.
ObjectiveSpec read_objective(const Entry& objective, const std::vector<NetworkSpec>& networks,
                             const std::vector<std::string>& recipe_directories,
                             Diagnostics& diagnostics);

/// recipe.cpp: what the objective's `recipe:` stands for, roles and parameters replaced. Checks the
/// objective's keys.
Result<ObjectivePart> read_recipe(const Node& objective, const Entry& recipe,
                                  const std::vector<NetworkSpec>& networks,
                                  const std::vector<std::string>& directories,
                                  Diagnostics& diagnostics);

/// recipe_use.cpp: whether the networks and the data are such as the recipe takes them for: names of
/// outputs, numbers of inputs, fields. One error per network, at the network.
void check_recipe_use(const ModelSpec& model, Diagnostics& diagnostics);

/// let_chains.cpp: reports entries that need themselves (the chain is shown) and chains that are
/// too long.
void check_let_chains(const std::vector<NamedExpression>& let, Diagnostics& diagnostics);

/// names.cpp: every name and call in the model's expressions, cycles of `let`, the networks of
/// `minimize`. Replaces numeric variables by their values.
void check_names(ModelSpec& model, const Bindings& variables, Diagnostics& diagnostics);

}  // namespace gmc::dsl
