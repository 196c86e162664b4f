// The op `all_reduce` as a kernel.
#pragma once

#include <memory>

#include "runtime/program/bind.h"

namespace gmc::runtime {

/// Adds up over the processes, where there are several. Null where nothing is to be done.
std::unique_ptr<Kernel> make_all_reduce_kernel(const ir::Operation& operation,
                                               const BindContext& context);

}  // namespace gmc::runtime
