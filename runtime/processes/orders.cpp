// An order, and what follows it, are broadcasts.
#include "runtime/processes/orders.h"

namespace gmc::runtime {

void give_order(ProcessGroup& group, Order order, std::span<std::byte> states) {
    group.broadcast(&order, sizeof(order));
    if (order.with_states != 0) group.broadcast(states.data(), states.size());
}

Order take_order(ProcessGroup& group, std::span<std::byte> states) {
    Order order;
    group.broadcast(&order, sizeof(order));
    if (order.with_states != 0) group.broadcast(states.data(), states.size());
    if (order.kind == Order::Kind::kEnd) group.finish();
    return order;
}

void end_group(ProcessGroup& group, int exit_code) {
    give_order(group, {.kind = Order::Kind::kEnd, .exit_code = exit_code});
    group.finish();
}

}  // namespace gmc::runtime
