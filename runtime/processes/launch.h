// Whether this process was started as one of several, as its environment tells.
#pragma once

#include <optional>
#include <string>

namespace gmc::runtime {

/// Several processes of one program that were started together.
struct Launch {
    std::string by;   ///< who started them: "OpenMPI", "MPICH" or "srun"
    std::string mpi;  ///< the MPI by which they find each other; "" where they have none
    int processes = 0;
    int rank = 0;    ///< of this one
    int beside = 0;  ///< how many are on this machine; 0: it is not known
    std::string rank_variable;
};

/// None where this process is alone.
std::optional<Launch> find_launch();

/// Whether this process is the one to say this text, of all that the same program has started on
/// this machine and that would say it at about the same time: the first that asks is, as long as
/// it lives. So it should live for a second more.
bool says_it_for_all(const std::string& text);

}  // namespace gmc::runtime
