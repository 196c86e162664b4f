// The op `scan` as a kernel: the kernels of its body, bound once and run pass after pass.
#pragma once

#include <memory>

#include "runtime/program/bind.h"
#include "runtime/program/time_log.h"

namespace gmc::runtime {

class BoundOperations;  // bound_operations.h
class OperationWatcher;

/// The kernel of every scan.
class ScanKernel : public Kernel {
  public:
    /// Computes the same as run(), with a look at each operation of the body in each pass.
    virtual void run_watched(const CallContext& call, OperationWatcher& watcher) = 0;
    /// From now on run() appends the times of the operations of the body, in each pass; null ends
    /// it.
    virtual void set_timing(TimeLog* log) = 0;
    virtual const ir::Function& body() const = 0;
    virtual const BoundOperations& operations() const = 0;
};

std::unique_ptr<ScanKernel> make_scan_kernel(const ir::Operation& operation, BindContext& context);

}  // namespace gmc::runtime
