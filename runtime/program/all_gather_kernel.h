// The op `all_gather` as a kernel.
#pragma once

#include <memory>

#include "runtime/program/bind.h"

namespace gmc::runtime {

/// Puts together the shards of the processes. Null where nothing is to be done.
std::unique_ptr<Kernel> make_all_gather_kernel(const ir::Operation& operation,
                                               const BindContext& context);

}  // namespace gmc::runtime
