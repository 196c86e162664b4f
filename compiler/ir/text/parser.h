// Reads the text of a module back, as text/printer.cpp writes it.
#pragma once

#include <string>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::ir {

/// The version of the text format that this program reads and writes.
inline constexpr int kFormatVersion = 2;

/// Parses the text of a module. Errors (kBadIr) point into it: unknown ops with did-you-mean,
/// undefined values, types that do not follow from the operands. The first error ends the parse.
Result<Module> parse_module(const std::string& path, std::string text, Diagnostics& diagnostics);

/// Whether the module has no more files, states, functions and values than parse_module reads.
/// Error: kTooLarge.
bool fits_in_text(const Module& module, Diagnostics& diagnostics);

}  // namespace gmc::ir
