// What a module says of its networks (ir::Network): which are frozen, and which begin with weights
// from a file. Enters: a module whose networks are declared. Leaves: lines `network @name {...}`.
#pragma once

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// Looks into the files that networks name: reports files that are not there, and everything in
/// them that does not fit.
void write_networks(ModuleScope& m);

}  // namespace gmc::lower
