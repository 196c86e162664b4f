// Which processes of a group are on one machine, and how they share the work of exchanging numbers
// with others.
#pragma once

#include <vector>

namespace gmc::runtime {

/// The processes of one machine are neighbours by rank.
class Machines {
  public:
    /// `names`: by rank, those of the machines.
    explicit Machines(const std::vector<int>& names);

    int processes() const { return static_cast<int>(machine_of_.size()); }
    int count() const { return static_cast<int>(first_.size()) - 1; }
    /// The number of its machine, from 0 in order of rank.
    int of(int rank) const { return machine_of_[rank]; }
    /// The first rank of a machine; of the one behind the last, the number of processes.
    int first(int machine) const { return first_[machine]; }
    int processes_on(int machine) const { return first_[machine + 1] - first_[machine]; }
    /// The process of a machine that has to do with the range of numbers of process `rank`
    /// (range_of): it gets from its fellows there what they have of that range, and exchanges it
    /// with process `rank`. That one itself, where it is on this machine; those of all other
    /// processes are shared evenly.
    int keeper(int machine, int rank) const;
    /// Whether the partners of the first rounds of a binary tree over all processes are on one
    /// machine, and those of all later ones on two: the numbers of processes on each machine are
    /// one power of two, and so is that of machines.
    bool is_binary() const;

  private:
    std::vector<int> machine_of_, first_;
};

}  // namespace gmc::runtime
