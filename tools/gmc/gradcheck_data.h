// What `gmc gradcheck` evaluates a model at: a few examples, and parameters near where they start.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "runtime/reference/reference.h"

namespace gmc::tools {

/// The first examples of the model's fields, a batch of them per field, by the field's name: from
/// its files, or where those cannot be read (`random` is then set) random numbers within the
/// declared range, random classes for labels.
runtime::ReferenceInputs gradcheck_data(const ir::Module& module, uint64_t seed, bool& random);

/// Every state at its initial value. Parameters are moved off it at random, by a tenth of their
/// size: biases of zero, for one, put whole images exactly on the kink of a ReLU. False after an
/// error in an initializer.
bool gradcheck_states(const ir::Module& module, uint64_t seed, runtime::ReferenceStates& states,
                      Diagnostics& diagnostics);

}  // namespace gmc::tools
