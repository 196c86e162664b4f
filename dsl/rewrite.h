// Replaces names in expressions by expressions: a recipe's roles and parameters, and a model's
// variables. Enters: expression trees. Leaves: trees that share what did not change.
#pragma once

#include <map>
#include <set>
#include <string>

#include "dsl/reader.h"
#include "dsl/text/expression.h"

namespace gmc::dsl {

/// What to replace. Names and callees are two maps, since `critic` in `critic(x)` is a network,
/// while a value called `critic` would be a field or an entry of `let`: in `critic(critic)` both
/// could stand. A callee is replaced by a name only, never by an expression.
struct Replacements {
    /// Name -> the value that replaces it.
    std::map<std::string, ExpressionPtr> names;
    /// Name of a network or role, called or not -> the name that replaces it.
    std::map<std::string, std::string> callees;
};

/// `expression` with its names replaced. Names in `shadowed` (parameters of the function around)
/// are left as they are.
ExpressionPtr replace(const ExpressionPtr& expression, const Replacements& replacements,
                      const std::set<std::string>& shadowed);

/// Replaces names in the numbers of an optimizer, and the networks that its `rate_factors` name.
void replace(OptimizerSpec& optimizer, const Replacements& replacements);

/// Replaces names in all expressions of a part and in the networks that its `minimize` names.
void replace(ObjectivePart& part, const Replacements& replacements);

}  // namespace gmc::dsl
