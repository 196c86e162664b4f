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
/// The kernel for some parts of a loop that runs_in_parts.
std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers,
                                         const std::vector<LoopPart>& parts);

/// The same loop as an epilogue: it runs behind the contraction that computes one of its operands.
/// Null when the loop's threads would share it out by columns, because no piece of a contraction's
/// result completes a column. The bits are those of the kernel, whatever the pieces. With `part`,
/// it runs over the operand's elements from `part.begin` to `part.end` only, and then may be told
/// that nothing else reads these of the operand `consumed` (Epilogue::takes_values).
std::unique_ptr<Epilogue> make_loop_epilogue(const ir::Function& function,
                                             const ir::Operation& operation, const Buffers& buffers,
                                             LoopPart part = {}, ir::ValueId consumed = ir::kNone);

/// Whether parts of a loop can run at different times: its space has one axis, and it contains no
/// reduction and no random op. The update of all parameters by an optimizer is such a loop.
bool runs_in_parts(const ir::Function& function, const ir::Operation& operation);

}  // namespace gmc::runtime
