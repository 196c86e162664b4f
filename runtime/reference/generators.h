// Ops without operands: constants, random numbers, and what the runtime supplies.
#pragma once

#include "runtime/reference/context.h"

namespace gmc::runtime {

void reference(const ir::Constant&, ReferenceContext&);
void reference(const ir::Iota&, ReferenceContext&);
/// Box and Muller 1958 on two uniform words of one Philox block.
void reference(const ir::RandomNormal&, ReferenceContext&);
/// The upper 24 bits of one Philox word.
void reference(const ir::RandomUniform&, ReferenceContext&);
void reference(const ir::Epoch&, ReferenceContext&);
void reference(const ir::Iteration&, ReferenceContext&);
void reference(const ir::Step&, ReferenceContext&);

}  // namespace gmc::runtime
