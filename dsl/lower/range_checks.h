// Warns about values that cannot match: a last activation that cannot reach the declared range of
// the data, and targets of a cross-entropy that are no probabilities. Such a model trains, but
// badly, and nothing else would tell its author why.
#pragma once

#include <map>
#include <string>

#include "compiler/ir/type.h"
#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Reports kRangeMismatch warnings, never errors. The model has to be built without errors.
///    - bce_with_logits(logits, x), where x is a data field with values outside of 0 to 1
///    - the network or activation that the function `sample` ends in (without such a function: networks
///      whose role is generator or decoder), when its values have the shape of a data field but cannot
///      reach that field's range, or leave that range by more than half of its length
/// `output_shapes`: the shape per example of each network with one output. Fields of unknown range
/// (points, and arrays of floats without `range`) are not checked.
void check_ranges(const dsl::ModelSpec& spec, const std::map<std::string, ir::Shape>& output_shapes,
                  Diagnostics& diagnostics);

}  // namespace gmc::lower
