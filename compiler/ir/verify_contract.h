// Checks what a module says of its data and its training (contract.h), and that its functions agree
// with that. The invariants are listed in verify_contract.cpp.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/ir/verify_report.h"

namespace gmc::ir {

/// Needs a module whose ids are in range. With `runnable`, everything must be there that the
/// runtime asks for.
void verify_contract(const Module& module, bool runnable, VerifyReport& report);

}  // namespace gmc::ir
