// Attention and its gradient.
#pragma once

#include "runtime/reference/context.h"

namespace gmc::runtime {

void reference(const ir::Attention&, ReferenceContext&);
void reference(const ir::AttentionGradient&, ReferenceContext&);

}  // namespace gmc::runtime
