// Classes and positions as ops: one-hot codes, the place of a maximum, rows of a table. No gradient
// flows to a label or from a place.
#pragma once

#include <string>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// [...] -> [..., classes]: 1 where the number is the position along the new axis, else 0; all 0
/// for what is no whole number from 0 to classes - 1.
ir::ValueId one_hot(ir::Builder& b, ir::ValueId labels, int64_t classes);

/// [..., C] -> [...]: the position of the largest number along the last axis, the first one at
/// ties.
ir::ValueId argmax(ir::Builder& b, ir::ValueId x);

/// [...] and a table [classes, units] -> [..., units]: row label of the table, as the product with
/// a one-hot code, whose gradient adds up in the rows.
ir::ValueId rows_of(ir::Builder& b, ir::ValueId labels, ir::ValueId table);

/// How many classes `labels` have: `wanted`, or when that is 0 as many as the field of the data
/// that they are. Reports when the field has more than that, or when there is none to know it from;
/// a number that only `wanted` gives is noted for the reader of the data
/// (ModuleScope::label_classes). `what` names the layer or function. 0 after an error.
int64_t class_count(FunctionScope& f, ir::ValueId labels, int64_t wanted, const std::string& what,
                    Span where);

}  // namespace gmc::lower
