// Computes a convolution whose window covers its whole input once as a product of matrices.
//
// Why here: after all passes that know convolutions, lower_precision and keep_copies among them;
// before fusion, which looks through reshapes.
// How: without padding and groups, a window of the size of the input has one place. The layout of
// the operands is that of matrices then: only shapes change. Kernels of products divide such work
// better than those of convolutions, which look for many places (first layer of a DCGAN's
// generator, gradient of its weights, Emerald Rapids: 28 ms as a convolution).
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
