// Finds kernels and memory plans that use memory which is not theirs. All values lie in one arena,
// so such a mistake would otherwise only give numbers that are a little wrong. Two means: while a
// call runs, AddressSanitizer (preset asan) lets it touch the values that it reads and writes, and
// nothing else of the arena; and in every build, a value is overwritten by NaN after the last call
// that reads it, so that a wrong plan makes one of the results NaN.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/memory/arena.h"
#include "runtime/program/placement.h"

namespace gmc::runtime {

class Poison {
  public:
    /// `calls`: for each call of a kernel, the operations that it computes, in the order in which
    /// the calls run. Operations that are in no call do nothing: their results are where their
    /// operands are. Values in the memory of states are left alone. A scan may use its workspace as
    /// well. All arguments but `calls` must outlive this.
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
        std::vector<Range> used;    ///< values that it reads or writes
        std::vector<Range> closed;  ///< those of them that nothing touches until the next call
        std::vector<Range> dead;    ///< values that nothing reads after it
    };

    /// Where a value is in the arena; empty when it is elsewhere.
    Range range(ir::ValueId value) const;
    void find_groups();
    /// Finds values that a thread of its own adds up over the processes while other calls run.
    void find_sums();
    void add_used(ir::ValueId value, Call& call) const;
    void find_deaths(const std::vector<std::vector<size_t>>& calls);
    ir::ValueId group(ir::ValueId value) const;

    const ir::Function& function_;
    const Placement& placement_;
    const Arena& arena_;
    /// By value: one of the values that share its memory on purpose, as views and parts do.
    std::vector<ir::ValueId> group_;
    std::set<ir::ValueId> sums_;  ///< of find_sums(), by group
    std::vector<Call> calls_;
};

}  // namespace gmc::runtime
