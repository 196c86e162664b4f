// From an op of the IR to the kernel that computes it on this machine.
#pragma once

#include <memory>

#include "compiler/ir/module.h"
#include "compiler/support/shards.h"
#include "runtime/contractions/context.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

class ProcessGroup;  // runtime/processes/process_group.h

/// How a whole program is bound.
struct BindHow {
    bool reference = false;         ///< ExecutableOptions::reference
    bool epilogues = true;          ///< ExecutableOptions::epilogues
    ProcessGroup* group = nullptr;  ///< ExecutableOptions::group
    NumberRange own_shards{};       ///< ExecutableOptions::own_shards
};

/// What binding an op may look at. All must outlive the kernel.
struct BindContext {
    const ir::Module& module;
    const ir::Function& function;
    const Buffers& buffers;
    ContractionContext& contractions;
    BindHow how{};
    /// Where the function's own arena begins in that of the module, in bytes: 0, except for the
    /// body of a scan, whose values lie in the scan's workspace.
    int64_t arena_base = 0;
    /// The operation is a contraction, and find_epilogues found a loop that its kernel may run over
    /// its result: some kernels are better at that than others.
    bool followed = false;
    /// Nothing but that loop reads the result (Schedule::consumed).
    bool consumed = false;
};

/// The kernel of `operation`; null when nothing has to be done (a reshape whose result is its
/// operand's memory). Throws InternalError for ops that a pass should have replaced before the
/// program runs (`gradient`).
std::unique_ptr<Kernel> bind_operation(const ir::Operation& operation, BindContext& context);

}  // namespace gmc::runtime
