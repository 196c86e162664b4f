// Kernels for `fused` ops and for single element-wise ops, broadcasts, generators and reductions:
// one parallel pass over the iteration space in tiles that stay in the first-level cache. See
// runtime/kernels/README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// Elements [begin, end) of a loop's space.
struct LoopPart {
    int64_t begin = 0, end = 0;
    int64_t elements() const { return end - begin; }
    friend bool operator==(const LoopPart&, const LoopPart&) = default;
};

/// A kernel for a `fused` op, or for one element-wise op, broadcast, generator, runtime scalar or
/// reduction, which is taken as a group of one. Tensors are f32, those that `cast` reads or makes
/// also bf16. The memory of a result may be that of an operand of the whole space (in place, same
/// type), otherwise results overlap nothing. For one number of threads results are bit-identical
/// from run to run.
std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers);
/// Of a loop that runs_in_parts, a kernel for some.
std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers,
                                         const std::vector<LoopPart>& parts);

/// The same loop as something that follows through the operand that lies where its space begins;
/// null where its threads take columns, which no part of a contraction's result has complete. The
/// sums of a run depend on the parts that the threads go through, and on nothing else. With `part`
/// it follows through the operand's elements from `part.begin` to `part.end`, which count from 0.
std::unique_ptr<Epilogue> make_loop_epilogue(const ir::Function& function,
                                             const ir::Operation& operation, const Buffers& buffers,
                                             LoopPart part = {});

/// Whether parts of a loop can run apart: it goes along one axis, sums nothing, and draws no random
/// numbers. That is what an optimizer is, over all its parameters.
bool runs_in_parts(const ir::Function& function, const ir::Operation& operation);

/// Whether make_loop_kernel takes such an op.
bool is_loop_op(const ir::OpVariant& op);

}  // namespace gmc::runtime
