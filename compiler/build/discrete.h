// Classes and positions as ops: one-hot codes, the place of a maximum, rows of a table. No gradient
// flows to a label or from a place.
#pragma once

#include <string>

#include "compiler/build/scope.h"

namespace gmc::build {

/// [...] -> [..., classes]: 1 where the number is the position along the new axis, else 0; all 0
/// for what is no whole number from 0 to classes - 1.
ir::ValueId one_hot(ir::Builder& b, ir::ValueId labels, int64_t classes);

/// [..., C] -> [...]: the position of the largest number along the last axis, the first one at
/// ties.
ir::ValueId argmax(ir::Builder& b, ir::ValueId x);

/// [...] and a table [classes, units] -> [..., units]: row label of the table, as the product with
/// a one-hot code, whose gradient adds up in the rows.
ir::ValueId rows_of(ir::Builder& b, ir::ValueId labels, ir::ValueId table);

/// Where `labels` are a field of the data: reports when that has more classes than `classes`, and
/// otherwise notes the number for the reader of the data (ModuleScope::label_classes). `what` names
/// the layer or function. False after an error.
bool check_classes(FunctionScope& f, ir::ValueId labels, int64_t classes, const std::string& what,
                   Span where);

}  // namespace gmc::build
