// The op `scan` as a kernel: the kernels of its body, bound once and run pass after pass.
#pragma once

#include <memory>

#include "runtime/program/bind.h"

namespace gmc::runtime {

std::unique_ptr<Kernel> make_scan_kernel(const ir::Operation& operation, BindContext& context);

}  // namespace gmc::runtime
