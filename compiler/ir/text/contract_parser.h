// The lines of IR text that say what a module's data are and how it is trained (contract.h).
#pragma once

#include "compiler/ir/module.h"
#include "compiler/ir/text/token_reader.h"

namespace gmc::ir {

/// Reads one line into `module`. `keyword`, its first word, has been read already. False, with
/// nothing read, when no such line begins with that word.
bool parse_contract_line(TokenReader& tokens, const Token& keyword, Module& module);

}  // namespace gmc::ir
