// Shows kernels and plans of memory that use what is not theirs, where every value has a place in
// one arena and a wrong number would otherwise only be odd. While a call runs, AddressSanitizer
// (preset asan) lets it touch the values that it reads and writes, and nothing else of the arena.
// In every build, a value turns into NaN behind the last call that reads it: when the plan is
// wrong, one of the results is NaN.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/memory/arena.h"
#include "runtime/program/placement.h"

namespace gmc::runtime {

class Poison {
  public:
    /// `calls`: the operations that each call runs, in the order in which they run. Operations of
    /// no call do nothing: their results are where their operands are. Values in the memory of
    /// states are left alone. A scan uses its workspace as well. All arguments must outlive this.
    Poison(const ir::Module& module, const ir::Function& function, const Placement& placement,
           const Arena& arena, const std::vector<std::vector<size_t>>& calls);

    void before_all() const;
    void before(size_t call) const;
    void after(size_t call) const;
    /// Results can be read, and inputs written.
    void after_all() const;

  private:
    struct Range {
        std::byte* begin = nullptr;
        std::byte* end = nullptr;
        bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
    };
    struct Call {
        std::vector<Range> used;  ///< values that it reads or writes
        std::vector<Range> dead;  ///< values that nothing reads behind it
    };

    /// Where a value is in the arena; empty when it is elsewhere.
    Range range(ir::ValueId value) const;
    void find_groups();
    void find_deaths(const std::vector<std::vector<size_t>>& calls);
    ir::ValueId group(ir::ValueId value) const;

    const ir::Function& function_;
    const Placement& placement_;
    const Arena& arena_;
    /// By value: one of the values that share its memory on purpose, as views and parts do.
    std::vector<ir::ValueId> group_;
    std::vector<Call> calls_;
};

}  // namespace gmc::runtime
