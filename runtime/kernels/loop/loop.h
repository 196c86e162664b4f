// Kernels for `fused` ops and for single element-wise ops, broadcasts, generators and reductions: one parallel pass over the
// iteration space in tiles that stay in the first-level cache. See runtime/kernels/README.md.
#pragma once

#include <memory>

#include "compiler/ir/module.h"
#include "runtime/program/kernel.h"

namespace gmc::runtime {

/// A kernel for a `fused` op, or for one element-wise op, broadcast, generator, runtime scalar or reduction, which is taken
/// as a group of one. Tensors are f32, those that `cast` reads or makes also bf16. The memory of a result may be that of an operand of the whole space (in place,
/// same type), otherwise results overlap nothing. For one number of threads results are bit-identical from run to run.
std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers);

/// The same loop as something that follows through the operand that lies where its space begins; null where its threads
/// take columns, which no part of a contraction's result has complete. The sums of a run depend on the parts that
/// the threads go through, and on nothing else.
std::unique_ptr<Epilogue> make_loop_epilogue(const ir::Function& function,
                                             const ir::Operation& operation, const Buffers& buffers);

/// Whether make_loop_kernel takes such an op.
bool is_loop_op(const ir::OpVariant& op);

}  // namespace gmc::runtime
