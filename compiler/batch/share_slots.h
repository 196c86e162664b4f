// Makes each of several processes keep and update its part of the optimizer's slots only, as ZeRO
// does in its first stage (Rajbhandari et al. 2020).
//
// Slots that are packed for the optimizer become one state: the process's part of the pack. Loops
// that read it compute that part alone. Gradients come as parts, by `reduce_scatter` where nothing
// else reads their sum, else by `own_part`; what others need of the loop's results, such as the new
// parameters, is put together by `gather_parts`. Loops give an element the same bits wherever it
// stands, so all bits stay as they are.
// Whole in every process stay slots of few numbers, and such as are read otherwise than element by
// element: norms over all numbers would depend on the number of processes.
//
//     %m = pack @m.w, @m.b : f32[N]                        %g.1 = reduce_scatter %g {...} : f32[P]
//     %p = pack @w, @b : f32[N]                            %p = pack @w, @b : f32[N]
//     %g.1 = all_reduce %g {shards=16} : f32[N]      ->    %p.1 = own_part %p {...} : f32[P]
//     %m.1, %p.1 = fused %m, %g.1, %p {...} {...}          %m.1, %p.2 = fused @m.part, %g.1, ...
//     update @m.w = (slice of %m.1), @w = ...              %p.3 = gather_parts %p.2 {...} : f32[N]
//                                                          update @m.part = %m.1, @w = ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc {

/// What became of the slots.
struct SharedSlots {
    /// Neighbours of the whole module that one state stands for in that of the process.
    struct Group {
        size_t first = 0, count = 0;  ///< in `states`
        ir::StateId part = ir::kNone;
        SharedBuffer buffer;
        std::vector<int64_t> begins;  ///< in the buffer, of each of its states
    };
    std::vector<ir::State> states;  ///< of the whole module, but copies
    std::vector<Group> groups;
    int64_t slot_bytes = 0;  ///< of the whole module
    int64_t own_bytes = 0;   ///< of the process
};

/// Changes a module of process `rank` of `processes`. It has to be planned anew.
SharedSlots share_slots(ir::Module& module, int64_t processes, int64_t rank);

}  // namespace gmc
