// What process 0 of a group tells the others. They do as they are told, and decide nothing: when
// training goes back, saves or ends is known to process 0 alone.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/processes/process_group.h"

namespace gmc::runtime {

/// It is sent as it lies in memory: all processes run the same program (roll_call.h).
struct Order {
    enum class Kind : int64_t {
        kBegin,    ///< the group broadcasts a text next: how the run is computed
        kRound,    ///< compute a round of training
        kSlots,    ///< do something with your part of the optimizer's slots
        kFigures,  ///< add up the losses and metrics of local steps
        kAverage,  ///< add up how far the states of all have come in local steps
        kEnd,      ///< end with `exit_code`
    };
    Kind kind = Kind::kEnd;
    int64_t exit_code = 0;
    int64_t with_states = 0;  ///< of a round: 1 where the states before it are sent, too
    // Of a round: where training stands before it, and its first batch.
    uint64_t seed = 1;
    int64_t step = 0, call = 0;
    double rate = 1;
    int64_t epoch = 0, batch = 0, first = 0;
    // Of slots: SlotParts::Action, and the number of a state.
    int64_t action = 0, state = 0;
};

/// In process 0: tells the others, and sends `states` where the order says so.
void give_order(ProcessGroup& group, Order order, std::span<std::byte> states = {});
/// In the others: the next order. Where states come with it, `states` are these then.
Order take_order(ProcessGroup& group, std::span<std::byte> states);
/// In process 0, last of all: the others end, too.
void end_group(ProcessGroup& group, int exit_code);

}  // namespace gmc::runtime
