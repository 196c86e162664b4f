// Checks that a module is well formed. It runs after every pass and on every file that is read, so
// that a bug shows where it was made. The invariants are listed in verifier.cpp and
// verify_plan.cpp.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"

namespace gmc::ir {

/// What is expected of the stage at hand.
struct VerifyOptions {
    bool allow_gradient = true;  ///< false once `differentiate` has run
    bool planned = false;  ///< true once `plan_memory` has run: every value must have its place
    /// True where the module is to be run by gmrun: it must have data, training and a schedule, and
    /// its inputs must be what these give.
    bool runnable = false;
};

/// True = well formed. Each error (kBadIr) points into the printed module, at the line of the op it
/// is about.
bool verify(const Module& module, Diagnostics& diagnostics, const VerifyOptions& options = {});

}  // namespace gmc::ir
