// Each starter of processes sets variables with their number, and the rank of each.
#include "runtime/processes/launch.h"

#include <cstdlib>

namespace gmc::runtime {
namespace {

struct Starter {
    const char *by, *mpi;
    const char *size, *rank;  ///< variables
};
/// srun comes last: mpirun starts its helpers by srun where it can, and then both have set theirs.
constexpr Starter kStarters[] = {
    {"OpenMPI", "OpenMPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"MPICH", "MPICH", "PMI_SIZE", "PMI_RANK"},
    {"MPICH", "MPICH", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
    {"srun", "", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

int number(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

std::optional<Launch> find_launch() {
    for (const Starter& starter : kStarters) {
        if (std::getenv(starter.size) == nullptr) continue;
        Launch launch{starter.by, starter.mpi, number(starter.size), number(starter.rank)};
        // By `srun --mpi=pmix` OpenMPI's processes find each other without its own mpirun.
        if (launch.mpi.empty() && std::getenv("PMIX_RANK") != nullptr) launch.mpi = "OpenMPI";
        if (launch.processes > 1) return launch;
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace gmc::runtime
