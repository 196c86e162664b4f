// The reference as a kernel, for executables that run the plain loops instead of the fast ones.
#pragma once

#include <memory>

#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// A kernel that reads the operands' floats and computes each op in double, rounded once to float.
/// It works on every op but `scan`, fused ones included; values of a fused body that `buffers` has
/// no address for are dropped. `function` and `operation` must outlive it. Unlike other kernels its
/// `run` allocates.
std::unique_ptr<Kernel> make_reference_kernel(const ir::Function& function,
                                              const ir::Operation& operation,
                                              const Buffers& buffers);

}  // namespace gmc::runtime
