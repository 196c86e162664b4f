// The text of a module: one line per op, deterministic, readable back by ir/parser without loss.
#pragma once

#include <string>

#include "compiler/ir/module.h"

namespace gmc::ir {

std::string print(const Module& module);
std::string print(const Module& module, const Function& function);
/// One op as it stands in print(), without indentation and line break.
std::string print(const Module& module, const Function& function, const Operation& operation);

}  // namespace gmc::ir
