// Computes a convolution whose window covers its whole input once as a product of matrices.
//
// Why here: after all passes that know convolutions, lower_precision and keep_copies among them;
// before fusion, which looks through reshapes.
// How: without padding and groups, a window of the size of the input has one place. The layout of
// the operands is that of matrices then: only shapes change. Kernels of convolutions divide such
// work badly, as they look for many places; those of products do not. The first layer of a DCGAN's
// generator and the last one of its discriminator are such.
// Requires: nothing. Ensures: the same values but for rounding.
//
//     %y = conv %x, %w : f32[8,1,1,5]       %0 = reshape %x : f32[8,48]
//       (%x [8,4,4,3], %w [4,4,3,5])   ->   %1 = reshape %w : f32[48,5]
//                                           %2 = matmul %0, %1 : f32[8,5]
//                                           %y = reshape %2 : f32[8,1,1,5]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> conv_to_matmul(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
