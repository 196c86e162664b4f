// The op `all_reduce` as a kernel.
#pragma once

#include <memory>

#include "runtime/program/bind.h"

namespace gmc::runtime {

/// Adds up the shards of this process, and then those of all, where there are others. Throws
/// InternalError where shards are missing.
std::unique_ptr<Kernel> make_all_reduce_kernel(const ir::Operation& operation,
                                               const BindContext& context);

}  // namespace gmc::runtime
