// Operations on classes and positions, composed of ops: one-hot codes, argmax, rows of a table. No
// gradient flows into a label or out of a position.
#pragma once

#include <string>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// [...] -> [..., classes]: 1 where the label equals the position along the new axis, else 0. A
/// label that is not a whole number from 0 to classes - 1 gives zeros only.
ir::ValueId one_hot(ir::Builder& b, ir::ValueId labels, int64_t classes);

/// [..., C] -> [...]: the position of the largest number along the last axis; the first one if
/// several are equal.
ir::ValueId argmax(ir::Builder& b, ir::ValueId x);

/// Labels [...] and a table [classes, units] -> [..., units]: for each label its row of the table.
/// Computed as a matrix product with a one-hot code, so that the gradient adds up the rows.
ir::ValueId rows_of(ir::Builder& b, ir::ValueId labels, ir::ValueId table);

/// The number of classes of `labels`: `wanted`, or when that is 0 the number of the data field that
/// `labels` is. Reports when the field has more classes than `wanted`, and when neither gives a
/// number. A number that only `wanted` gives is kept in ModuleScope::label_classes, for the reader
/// of the data to check. `what` names the layer or function. 0 after an error.
int64_t class_count(FunctionScope& f, ir::ValueId labels, int64_t wanted, const std::string& what,
                    Span where);

}  // namespace gmc::lower
