// Names in expressions replaced by expressions: a recipe's roles and parameters, a model's
// variables.
#pragma once

#include <map>
#include <set>
#include <string>

#include "dsl/reader.h"
#include "dsl/text/expression.h"

namespace gmc::dsl {

struct Replacements {
    std::map<std::string, ExpressionPtr> names;  ///< a name -> a value
    std::map<std::string, std::string> callees;  ///< a name, called or not -> another name
};

/// The tree with its names replaced; `shadowed` ones (parameters of a function) are left. Shares
/// what does not change.
ExpressionPtr replace(const ExpressionPtr& expression, const Replacements& replacements,
                      const std::set<std::string>& shadowed);

/// The same for all expressions of a part, and the networks of its `minimize`.
void replace(ObjectivePart& part, const Replacements& replacements);

}  // namespace gmc::dsl
