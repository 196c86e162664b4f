// Finds out whether mpirun has started this process, and loads the plug-in of its MPI.
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/processes/process_group.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// An MPI, and how its processes know that it has started them.
struct Mpi {
    const char* name;
    const char* plugin;
    const char* package;                ///< of Debian and Ubuntu, to build the plug-in with
    std::vector<const char*> of_sizes;  ///< variables with the number of processes
};
const std::vector<Mpi>& known_mpis() {
    static const std::vector<Mpi> kKnown = {
        {"OpenMPI", "gmc_openmpi.so", "libopenmpi-dev", {"OMPI_COMM_WORLD_SIZE"}},
        {"MPICH", "gmc_mpich.so", "libmpich-dev", {"PMI_SIZE", "MPI_LOCALNRANKS"}},
    };
    return kKnown;
}

const Mpi* started_by() {
    for (const Mpi& mpi : known_mpis())
        for (const char* variable : mpi.of_sizes)
            if (const char* size = std::getenv(variable))
                return std::atoi(size) > 1 ? &mpi : nullptr;
    return nullptr;
}

/// Beside the program, as in a build tree, or in the folder of libraries of an installation.
std::string path_of(const std::string& plugin) {
    std::error_code code;
    const fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
    for (const fs::path& at : {folder / plugin, folder.parent_path() / GMC_PLUGIN_FOLDER / plugin})
        if (fs::exists(at, code)) return at.string();
    return "";
}

}  // namespace

std::unique_ptr<ProcessGroup> join_group(std::string& why, std::string& help) {
    const Mpi* mpi = started_by();
    if (mpi == nullptr) return nullptr;
    const std::string path = path_of(mpi->plugin);
    if (path.empty()) {
        why = fmt::format("{} has started several processes, but this gmrun was built without {}",
                          mpi->name, mpi->name);
        help = fmt::format("install {} and build gmc again", mpi->package);
        return nullptr;
    }
    // OpenMPI loads libraries of its own, which look for its symbols among the global ones.
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
        why = fmt::format("`{}` cannot be loaded: {}", path, dlerror());
        return nullptr;
    }
    const auto start = reinterpret_cast<StartTransport>(dlsym(library, "gmc_start_transport"));
    Transport* transport = start == nullptr ? nullptr : start(kTransportVersion);
    if (transport == nullptr) {
        why = fmt::format("`{}` is of another version of gmc", path);
        return nullptr;
    }
    return std::make_unique<ProcessGroup>(std::unique_ptr<Transport>(transport));
}

}  // namespace gmc::runtime
