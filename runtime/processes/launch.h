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
    int rank = 0;  ///< of this one
};

/// None where this process is alone.
std::optional<Launch> find_launch();

}  // namespace gmc::runtime
