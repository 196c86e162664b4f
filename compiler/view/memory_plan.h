// What plan_memory decided, for people: buffers, how long they live, and when memory is fullest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::view {

/// A piece of the arena and the values that share it in place, one after the other.
struct PlannedBuffer {
    std::vector<ir::ValueId> values;
    int64_t offset = 0, bytes = 0;  ///< in the arena
    /// The operation that writes it first and the one that reads it last, as indices of
    /// Function::operations. `first` is -1 for what is filled before the function starts, `last` is
    /// the number of operations for what is read after it has ended.
    int64_t first = 0, last = 0;
    std::string body{};  ///< of a scan's workspace: the body whose arena it is; then no values
    bool is_live(int64_t operation) const { return first <= operation && operation <= last; }
};

struct MemoryPlan {
    std::vector<PlannedBuffer> buffers;  ///< by first
    int64_t peak = -1;                   ///< the operation during which most bytes are in use
    int64_t peak_bytes = 0;
};
/// The plan of a planned function of `module`: what has a place in the arena.
MemoryPlan memory_plan(const ir::Module& module, const ir::Function& function);

/// Per function a table: offset, bytes, first and last operation, values; `*` marks what is alive
/// at the peak, and the head names the operation at the peak.
std::string memory_table(const ir::Module& module);

/// The same as a picture (SVG): operations from left to right, the arena from bottom to top, a box
/// per buffer with its values as tooltip, a line at the peak. One below the other per function.
std::string memory_svg(const ir::Module& module);

}  // namespace gmc::view
