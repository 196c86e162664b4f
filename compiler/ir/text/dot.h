// A module as a graph in Graphviz' language: `gmc dump --format=dot model.yaml | dot -Tsvg >
// model.svg`.
#pragma once

#include <string>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// One cluster per function: inputs and states as ellipses, ops as boxes, types on the edges.
std::string to_dot(const Module& module);

}  // namespace gmc::ir
