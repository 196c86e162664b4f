// Which element-wise ops, broadcasts, generators and reductions of a function run in one loop: the
// decisions of fuse_elementwise, which writes them into the function and explains them. Slices and
// pads that only loops read belong into these, too: there they read pieces of rows where they are,
// instead of being copied first.
//
// A value is stored when it goes through memory. Some values are stored whatever the loops are:
// those that ops of other kinds make or read, those that leave the function, those that a
// broadcast, slice or pad reads, and the results of reductions, which are known only when their
// loop has ended. An op whose result is stored is a root of its loop. A loop computes its roots
// from stored values. What lies between is computed inside the loop, and once more in every other
// loop that needs it. Where that
// would cost too much (kRecomputeCostMost, kRecomputeReadsMost), the value is stored too.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::passes {

/// One loop of the result. Operations are given by their index in the function.
struct LoopGroup {
    ir::Shape space;
    std::vector<int> roots;    ///< increasing
    std::vector<int> members;  ///< all that it computes, increasing
};

class LoopGrouping {
  public:
    /// Finds the loops of a function without `gradient`. Takes near-linear time: a decision looks
    /// at the loops that it changes only.
    explicit LoopGrouping(const ir::Function& function);

    const std::vector<LoopGroup>& loops() const { return loops_; }
    /// The loop whose root operation `i` is; -1 for others.
    int loop_of_root(int i) const { return loop_of_root_[i]; }
    bool is_root(int i) const { return is_fusable(i) && is_stored_[op(i).result()]; }
    /// Whether operation `i` belongs into loops. The results of such ops are in no other place.
    bool is_fusable(int i) const { return fusable_[i]; }
    /// The iteration space of an operation that belongs into loops.
    const ir::Shape& space(int i) const;
    /// The operation that makes a value; -1 for inputs and states.
    int producer(ir::ValueId v) const { return producer_[v]; }
    /// The operations that read a value, in program order.
    const std::vector<int>& users(ir::ValueId v) const { return users_[v]; }
    /// Why a value is stored although it might be computed anew in each loop; null for others.
    const std::string* why_costly(ir::ValueId v) const;

  private:
    /// Loops are searched for within a group: the roots of one space at one depth of the graph.
    struct Group {
        int level = 0;
        ir::Shape space;
        bool is_small = false;  ///< all its roots share one loop
        std::vector<int> roots;
    };
    /// What may become one loop: roots of one group that read a common tensor.
    struct Candidate {
        int group = 0;
        std::vector<int> roots;  ///< increasing; empty once other candidates have replaced it
    };
    /// The number of the walk that visited an operation or value last, and on whose behalf
    /// it did so first. As walks are numbered, starting one needs no clearing of marks.
    struct Mark {
        int walk = 0;
        int owner = 0;
    };

    const ir::Operation& op(int i) const { return function_.operations[i]; }
    /// Whether operation `i`, of a loop, reads from outside of it.
    bool reads_outside(int i) const { return ir::reads_elsewhere(op(i).info()); }
    bool fits_as_window(int i) const;

    void index();
    void find_stored();
    void find_levels();
    void find_groups();
    void store_costly_values();
    void finish();

    template <typename Enter, typename Leaf>
    void walk_down(int from, const Enter& enter, const Leaf& leaf);
    void walk_up(int from, int level_most, std::vector<int>& roots);
    bool marked(Mark& mark, int owner) const;

    std::vector<std::vector<int>> connected(const std::vector<int>& roots);
    void form_loops(int group, const std::vector<int>& roots);
    void update_computing(int i);
    bool computes_without(int loop, int i, int skipped);
    std::string too_costly(int i);
    std::string too_many_reads(int i, const std::vector<ir::ValueId>& leaves);
    void store(int i);
    void find_neighbours(int i, std::vector<int>& stale);
    void note_stored_operand(int i);
    void recheck(const std::vector<int>& roots);
    bool comes_before(int loop, int other) const;

    const ir::Function& function_;
    std::vector<int> producer_;            ///< by value: the operation that makes it, or -1
    std::vector<std::vector<int>> users_;  ///< by value
    std::vector<bool> is_stored_;          ///< by value
    std::map<ir::ValueId, std::string> costly_;
    // By operation:
    std::vector<bool> fusable_;
    std::vector<int> level_;
    std::vector<int> group_of_;                ///< of those that belong into loops
    std::vector<bool> reads_stored_;           ///< itself, or through what is not stored
    std::vector<int> candidate_of_;            ///< of roots; -1 for others
    std::vector<std::vector<int>> computing_;  ///< candidates that compute it, increasing
    std::vector<bool> is_due_;                 ///< store_costly_values has to look at it (again)
    int due_most_ = -1;                        ///< the last operation that can be due
    int looked_at_least_ = 0;                  ///< the first one at which it has looked so far

    std::vector<Group> groups_;
    std::vector<Candidate> candidates_;
    int walk_ = 0;
    std::vector<Mark> op_marks_, value_marks_;  ///< of the walk at hand
    /// The stack of the walk at hand. Walks do not recurse: a graph may be a single chain, which
    /// would need as many frames as there are operations.
    std::vector<int> stack_;

    std::vector<LoopGroup> loops_;
    std::vector<int> loop_of_root_;
};

}  // namespace gmc::passes
