// The ops on a flat buffer that processes share, as kernels: `own_part`, `reduce_scatter` and
// `gather_parts`.
#pragma once

#include <memory>

#include "compiler/ir/ops.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

class ProcessGroup;

/// `x` and `result` are where the operand and the result lie. Without a group the process runs
/// alone, as the reference does.
std::unique_ptr<Kernel> make_own_part_kernel(const ir::OwnPart& op, const float* x, float* result);
/// The sums take the place of the process's part of `x`; the rest of it is lost.
std::unique_ptr<Kernel> make_reduce_scatter_kernel(const ir::ReduceScatter& op, ProcessGroup* group,
                                                   float* x, float* result);
std::unique_ptr<Kernel> make_gather_parts_kernel(const ir::GatherParts& op, ProcessGroup* group,
                                                 const float* x, float* result);

}  // namespace gmc::runtime
