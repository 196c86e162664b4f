// The numbers at which `gmc gradcheck` evaluates a model: a few examples, and parameters near their
// initial values.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "runtime/reference/reference.h"

namespace gmc::tools {

/// One batch of examples per field, by the field's name. They are the first examples of the model's
/// files. Where those cannot be read, `random` is set, and the examples are random numbers within
/// the declared range, or random classes for labels.
runtime::ReferenceInputs gradcheck_data(const ir::Module& module, uint64_t seed, bool& random);

/// Every state with its initial value, except that parameters are moved randomly by a tenth of
/// their size. (Initial biases of zero, for one, put whole images exactly on the kink of a ReLU.)
/// False after an error in an initializer.
bool gradcheck_states(const ir::Module& module, uint64_t seed, runtime::ReferenceStates& states,
                      Diagnostics& diagnostics);

}  // namespace gmc::tools
