// A module for one of several processes that train together: its training steps compute a part of
// the shards of the batch (distribute.h), and its inputs are the examples of these.
//
//     func @step(%x: f32[8,3] = data.x) {           func @step(%x: f32[4,3] = data.x) {
//       %x.1 = reshape %x : f32[4,2,3]                %x.1 = reshape %x : f32[2,2,3]
//       %h, %g = scan %x.1, @w {..., count=4,   ->    %h, %g = scan %x.1, @w {..., count=2,
//            shards=4, sums=1}                             shards=4, first=2, sums=1}
//            : f32[4,2,5], f32[3,5]                        : f32[2,2,5], f32[3,5]
//       %s = all_reduce %g {shards=4} : f32[3,5]      %s = all_reduce %g {shards=4} : f32[3,5]
//
// What is computed for the whole batch stays as it is: `all_gather` of f32[2,2,5] gives f32[4,2,5].
// Where the shards of a process are no node of the tree (shards.h), such as 3 of 4, the scan gives
// several sums, f32[2,3,5], which all_reduce adds up, too.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/batch/share_slots.h"
#include "compiler/ir/module.h"

namespace gmc {

/// Makes `module`, which is planned, the module of process `rank` of `processes`. Functions outside
/// of the schedule stay as they are. Where it returns a text, that says why it cannot be done, as a
/// sentence without a full stop, and the module is unusable: it was compiled without shards, or
/// with fewer of them than there are processes. With `slots` the processes share the slots of the
/// optimizer, too (share_slots.h).
std::string take_share(ir::Module& module, int64_t processes, int64_t rank,
                       SharedSlots* slots = nullptr);

}  // namespace gmc
