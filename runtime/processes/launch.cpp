// Each starter of processes sets variables with their number, and the rank of each.
#include "runtime/processes/launch.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <functional>

namespace gmc::runtime {
namespace {

struct Starter {
    const char *by, *mpi;
    const char *size, *rank, *beside;  ///< variables
};
/// srun comes last: mpirun starts its helpers by srun where it can, and then both have set theirs.
constexpr Starter kStarters[] = {
    {"OpenMPI", "OpenMPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"MPICH", "MPICH", "PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS"},
    {"MPICH", "MPICH", "MPI_LOCALNRANKS", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"srun", "", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", ""},
};

int number(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

std::optional<Launch> find_launch() {
    for (const Starter& starter : kStarters) {
        if (std::getenv(starter.size) == nullptr) continue;
        Launch launch{starter.by,
                      starter.mpi,
                      number(starter.size),
                      number(starter.rank),
                      number(starter.beside),
                      starter.rank};
        // By `srun --mpi=pmix` OpenMPI's processes find each other without its own mpirun.
        if (launch.mpi.empty() && std::getenv("PMIX_RANK") != nullptr) launch.mpi = "OpenMPI";
        if (launch.processes > 1) return launch;
        return std::nullopt;
    }
    return std::nullopt;
}

/// The name of a socket that is in no folder is taken as long as the process lives.
bool says_it_for_all(const std::string& text) {
    const std::string name =
        fmt::format("gmc-{}-{}-{:x}", getuid(), getppid(), std::hash<std::string>()(text));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const size_t size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
    if (socket >= 0 && bind(socket, reinterpret_cast<const sockaddr*>(&address),
                            static_cast<socklen_t>(size)) != 0) {
        close(socket);
        return false;
    }
    return true;
}

}  // namespace gmc::runtime
