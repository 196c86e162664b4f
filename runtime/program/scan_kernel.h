// The op `scan` as a kernel: the kernels of its body, bound once and run pass after pass.
#pragma once

#include <memory>

#include "runtime/program/bind.h"

namespace gmc::runtime {

class OperationWatcher;  // bound_operations.h

/// The kernel of every scan.
class ScanKernel : public Kernel {
  public:
    /// Computes the same as run(), with a look at each operation of the body in each pass.
    virtual void run_watched(const CallContext& call, OperationWatcher& watcher) = 0;
};

std::unique_ptr<ScanKernel> make_scan_kernel(const ir::Operation& operation, BindContext& context);

}  // namespace gmc::runtime
