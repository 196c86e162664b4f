// Values of a field that training would take without a word and learn nothing from.
#pragma once

#include "compiler/ir/contract.h"
#include "compiler/support/diagnostic.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// What was seen of a field's values.
struct SeenValues {
    ValueRange span;         ///< the least and the largest
    int64_t examples = 0;    ///< that were looked at
    bool all_equal = false;  ///< each is the same as the first
};

/// Warns (kBadValue) of quantities beyond 1000, of values that are all the same, and of examples
/// that are. `place`: where the model declares the field.
void warn_of_odd_values(const ir::DataField& field, const SeenValues& seen, Span place,
                        Diagnostics& diagnostics);
/// Warns (kBadValue), as the compiler does, of columns of a table whose numbers are to be scaled
/// and are the same in all rows of the training data.
void warn_of_constant_columns(const ir::DataField& field, Diagnostics& diagnostics);

}  // namespace gmc::runtime
