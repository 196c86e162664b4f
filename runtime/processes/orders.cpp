// An order, and what follows it, are broadcasts.
#include "runtime/processes/orders.h"

namespace gmc::runtime {

void give_order(Team& team, Order order, std::span<std::byte> states) {
    team.broadcast(&order, sizeof(order));
    if (order.with_states != 0) team.broadcast(states.data(), states.size());
}

Order take_order(Team& team, std::span<std::byte> states) {
    Order order;
    team.broadcast(&order, sizeof(order));
    if (order.with_states != 0) team.broadcast(states.data(), states.size());
    if (order.kind == Order::Kind::kEnd) team.transport().finish();
    return order;
}

void end_team(Team& team, int exit_code) {
    give_order(team, {.kind = Order::Kind::kEnd, .exit_code = exit_code});
    team.transport().finish();
}

}  // namespace gmc::runtime
