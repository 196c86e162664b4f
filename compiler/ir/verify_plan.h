// The part of the verifier that checks the memory plan of one function. It finds lifetimes from the
// operations, as the pass plan_memory does, but with code of its own: a mistake in the pass must
// not be repeated in what checks it.
#pragma once

#include "compiler/ir/verify_report.h"

namespace gmc::ir {

/// Reports what is wrong with the places of the function's values. The function must be well formed
/// otherwise.
void verify_plan(const Module& module, const Function& function, VerifyReport& report);

}  // namespace gmc::ir
