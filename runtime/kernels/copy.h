// Kernels that only move elements: slice, pad, transpose, concat and pack.
#pragma once

#include <memory>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// A kernel for a `slice`, `pad`, `transpose`, `concat` or `pack` of f32 or bf16 tensors of any
/// rank; null when all elements lie where they belong already. Operands that do not lie in their
/// place must not overlap the result.
std::unique_ptr<Kernel> make_copy_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers);

}  // namespace gmc::runtime
