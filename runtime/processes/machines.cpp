// Numbers machines in the order of their processes.
#include "runtime/processes/machines.h"

#include <bit>

namespace gmc::runtime {

Machines::Machines(const std::vector<int>& names) {
    for (size_t rank = 0; rank < names.size(); ++rank) {
        if (rank == 0 || names[rank] != names[rank - 1]) first_.push_back(static_cast<int>(rank));
        machine_of_.push_back(static_cast<int>(first_.size()) - 1);
    }
    first_.push_back(processes());
}

int Machines::keeper(int machine, int rank) const {
    if (of(rank) == machine) return rank;
    const int fellows = processes_on(machine), others = processes() - fellows;
    const int among_others = rank < first(machine) ? rank : rank - fellows;
    return first(machine) + among_others * fellows / others;
}

bool Machines::is_binary() const {
    for (int machine = 1; machine < count(); ++machine)
        if (processes_on(machine) != processes_on(0)) return false;
    return std::has_single_bit(static_cast<unsigned>(processes_on(0))) &&
           std::has_single_bit(static_cast<unsigned>(count()));
}

}  // namespace gmc::runtime
