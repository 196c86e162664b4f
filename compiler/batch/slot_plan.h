// What a function does with an optimizer's slots, and which of these processes can share: what
// share_slots writes a function by.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc {

/// Slots of up to so many numbers stay whole: for few, time is latency.
inline constexpr int64_t kFewSlots = 4096;

/// Slots that are packed together: `count` states from `first` on.
struct SlotGroup {
    ir::StateId first = ir::kNone;
    size_t count = 0;
    int64_t numbers = 0;  ///< of the pack
    bool fits = true;     ///< whether it can be shared
    ir::StateId part = ir::kNone;
    bool has(ir::StateId state) const {
        return state >= first && state < first + static_cast<ir::StateId>(count);
    }
};
using SlotGroups = std::vector<SlotGroup>;
/// By the numbers of a pack.
using SharedBuffers = std::map<int64_t, SharedBuffer>;

/// Which values of a function are sums that nothing else reads.
class LoneSums {
  public:
    LoneSums(const ir::Function& function, int64_t processes);
    /// The `all_reduce` that makes a value, or what that is a reshape of; null where there is none,
    /// and where there are few numbers: for these, time is latency.
    const ir::Operation* sum(ir::ValueId v) const;
    /// Where buckets end in a pack of gradients, of which each sum that is large is one. Empty
    /// where there is no such sum.
    std::vector<int64_t> bucket_ends(const ir::Operation& pack) const;

  private:
    const ir::Function& f_;
    const int64_t least_;
    std::vector<int> made_by_, uses_;
};

/// What is done with the slots in one function.
class SlotPlan {
  public:
    /// Groups that cannot be shared are marked. `buffers`: how packs of so many numbers are shared.
    SlotPlan(const ir::Module& module, const ir::Function& function, SlotGroups& groups,
             const SharedBuffers& buffers);

    bool is_live(size_t operation) const { return live_[operation]; }
    /// The group whose slots a pack is; kNone for other values.
    int source(ir::ValueId v) const { return source_[v]; }
    /// Whether only the process's part of a value is computed.
    bool is_cut(ir::ValueId v) const { return cut_[v] > 0; }
    bool is_cut(const ir::Operation& op) const { return is_cut(op.result()); }
    /// Of a value that is cut: whether something needs all of it.
    bool needs_whole(ir::ValueId v) const { return whole_[v]; }
    /// The one value whose slices are the new slots of a group; kNone where there is none.
    ir::ValueId new_slots(int group) const;
    /// Else the new values of each, in order; empty where they stay.
    std::vector<ir::ValueId> new_values(int group) const;
    bool is_grouped(ir::StateId state) const { return group_of(state) != ir::kNone; }
    /// Whether a value is a sum of which each process needs its part only.
    bool is_scattered(ir::ValueId v) const;
    /// Whether an op packs gradients in whole buckets, some of which are sums of which each process
    /// needs its part only.
    bool is_split(const ir::Operation& op) const;
    /// Whether a value is such a sum, or a reshape of one.
    bool is_lone(ir::ValueId v) const { return lone_.count(v) != 0; }
    /// Results of a loop that is cut that are needed as a whole, and follow from what every process
    /// has, and from other such results: averages of new parameters.
    std::set<ir::ValueId> made_anew(const ir::Operation& op) const;

  private:
    /// Where a value lies in a larger flat one: a slice of it, reshaped.
    struct Piece {
        ir::ValueId of = ir::kNone;
        int64_t begin = 0;
    };

    int group_of(ir::StateId state) const;
    bool has_group(int64_t numbers) const;
    bool are_new_slots(ir::ValueId v) const;
    const ir::Operation* maker(ir::ValueId v) const {
        return made_by_[v] == ir::kNone ? nullptr : &f_.operations[made_by_[v]];
    }
    Piece piece_of(ir::ValueId v) const;
    void find_updates();
    void find_live();
    void look_at(const ir::Operation& op);
    void look_at_parts(const ir::Operation& pack);
    void look_at_results(const ir::Operation& op);
    void read_whole(ir::ValueId v);
    bool can_be_cut(const ir::Operation& op, int64_t numbers) const;

    const ir::Module& m_;
    const ir::Function& f_;
    SlotGroups& groups_;
    const SharedBuffers& buffers_;
    const LoneSums sums_;
    std::vector<int> made_by_;
    std::vector<int> source_;
    std::set<ir::ValueId> lone_;
    std::vector<int64_t> cut_;  ///< by value: the numbers of the pack; 0: it is not cut
    std::vector<bool> needed_, whole_, read_whole_, live_;
    std::map<int, ir::ValueId> direct_;
    std::map<int, std::vector<ir::ValueId>> packed_;
};

}  // namespace gmc
