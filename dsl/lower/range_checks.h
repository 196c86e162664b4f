// Warnings about values that cannot meet: what a network's last activation can give against the
// range that the data are declared to span, and targets of a cross-entropy that are no
// probabilities. Such a model trains, and trains badly.
#pragma once

#include <map>
#include <string>

#include "compiler/ir/type.h"
#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Reports kRangeMismatch warnings, never errors, for a model that was built without errors:
///   - bce_with_logits(logits, x) where x is a data field with values outside of 0 to 1
///   - the network or activation that function `sample` ends in (without such a function: networks
///     with the role generator or decoder), where it gives values of the shape of a data field
///     whose range it cannot reach, or of which it misses half as much again
/// `output_shapes` has the shape per example that each network with one output gives. Fields whose
/// range nobody knows (points, arrays of floats without `range`) are left alone.
void check_ranges(const dsl::ModelSpec& spec, const std::map<std::string, ir::Shape>& output_shapes,
                  Diagnostics& diagnostics);

}  // namespace gmc::lower
