// The processes that the same mpirun has started on this machine, while they cannot exchange
// messages yet.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/processes/launch.h"

namespace gmc::runtime {

struct Fellow {
    int rank = 0;
    std::string command;      ///< its words: "gmrun eval runs/x"
    bool is_other = false;    ///< the same program with another command: it will not join
    bool is_program = false;  ///< the same program
};

/// Those that live, by rank, this one included. Empty where that cannot be known: another program
/// stands between mpirun and this process, or /proc does not tell.
std::vector<Fellow> fellows(const Launch& launch);

/// What is known of fellows, look by look, until all have joined.
class FellowWatch {
  public:
    explicit FellowWatch(Launch launch) : launch_(std::move(launch)) {}

    /// Looks again. Why the processes cannot come together: one on this machine has ended, or has
    /// another command; "" as long as they may.
    std::string look();
    /// Whether this process speaks for those on its machine, as the first of its kind.
    bool speaks() const { return first_ < 0 || first_ >= launch_.rank; }
    /// "waiting for process 1 of 2, which is `sleep 9`", or "... for the other 3 processes".
    std::string waits_for() const;

  private:
    const Launch launch_;
    std::vector<Fellow> fellows_;
    int first_ = -1;   ///< the lowest rank of the same command that was seen; -1: none
    int missing_ = 0;  ///< looks one behind the other at which one was missing
};

}  // namespace gmc::runtime
