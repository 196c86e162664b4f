// Values of a field that training would take without a word and learn nothing from.
#pragma once

#include "compiler/ir/contract.h"
#include "compiler/support/diagnostic.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// Warns (kBadValue) of quantities beyond 1000. `seen`: the least and the largest that were looked
/// at. `place`: where the model declares the field.
void warn_of_odd_values(const ir::DataField& field, ValueRange seen, Span place,
                        Diagnostics& diagnostics);

}  // namespace gmc::runtime
