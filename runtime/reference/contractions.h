// Convolution in its three forms, and the matrix product.
#pragma once

#include "runtime/reference/context.h"

namespace gmc::runtime {

void reference(const ir::Conv&, ReferenceContext&);
void reference(const ir::ConvBackwardData&, ReferenceContext&);
void reference(const ir::ConvBackwardWeights&, ReferenceContext&);
void reference(const ir::Matmul&, ReferenceContext&);

}  // namespace gmc::runtime
