// Opens the fields of a data set as the model declares them: which reader, with which options, and
// what the examples must look like.
#pragma once

#include <vector>

#include "compiler/ir/contract.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// What the values of a field span.
inline ValueRange value_range(const ir::DataField& field) {
    return {static_cast<float>(field.range.low), static_cast<float>(field.range.high)};
}

/// Opens the fields of one data set in the order given. Labels come from the field that they
/// belong to, so that it is read once. Errors: those of the readers; kShapeMismatch when examples
/// have another shape than the model was compiled for; kBadValue when there are fewer than `count`.
/// `places`: where the model says each of them, for the reports. `are_trained_on`: they are the
/// training data that the model was compiled for, though maybe not as they were then.
Result<std::vector<FieldPtr>> open_fields(const std::vector<ir::DataField>& sources,
                                          Diagnostics& diagnostics,
                                          const std::vector<Span>& places = {},
                                          bool are_trained_on = false);

}  // namespace gmc::runtime
