// Loads the plug-in of the MPI that has started this process.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "runtime/processes/launch.h"
#include "runtime/processes/process_group.h"
#include "runtime/processes/roll_call.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

struct Mpi {
    const char* name;
    const char* plugin;
    const char* package;  ///< of Debian and Ubuntu, to build the plug-in with
    const char* component;
};
constexpr Mpi kMpis[] = {
    {"OpenMPI", "gmc_openmpi.so", "libopenmpi-dev", "openmpi"},
    {"MPICH", "gmc_mpich.so", "libmpich-dev", "mpich"},
};

/// Beside the program, as in a build tree, or in the folder of libraries of an installation.
std::vector<fs::path> places_of(const std::string& plugin) {
    std::error_code code;
    const fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
    return {folder / plugin, folder.parent_path() / GMC_PLUGIN_FOLDER / plugin};
}

/// UCX, on which MPI may stand, prints a backtrace where another process has died, and takes SIGHUP
/// to begin debugging, unless it is told otherwise before it is loaded.
void quiet_ucx() {
    setenv("UCX_HANDLE_ERRORS", "none", 0);
    setenv("UCX_LOG_LEVEL", "fatal", 0);
    setenv("UCX_DEBUG_SIGNO", "0", 0);
}

}  // namespace

std::unique_ptr<ProcessGroup> join_group(WatchQuestions questions, std::string& why,
                                         std::string& help) {
    const std::optional<Launch> launch = find_launch();
    if (!launch) return nullptr;
    const auto* mpi = std::find_if(std::begin(kMpis), std::end(kMpis),
                                   [&](const Mpi& each) { return each.name == launch->mpi; });
    if (mpi == std::end(kMpis)) {
        why =
            fmt::format("{} has started {} processes, but without MPI they cannot find each other",
                        launch->by, launch->processes);
        help = "`srun --mpi=pmix` where OpenMPI is installed, or `mpirun` in a script for sbatch";
        return nullptr;
    }
    const std::vector<fs::path> places = places_of(mpi->plugin);
    const auto there = std::find_if(places.begin(), places.end(), [](const fs::path& each) {
        std::error_code code;
        return fs::exists(each, code);
    });
    if (there == places.end()) {
        why = fmt::format(
            "{} has started {} processes, but there is neither `{}` nor `{}`, by which gmrun "
            "reaches {}",
            launch->by, launch->processes, places[0].string(), places[1].string(), mpi->name);
        help = fmt::format(
            "the package `gmc-{}` has it, and so has a gmc that is built where {} is installed",
            mpi->component, mpi->package);
        return nullptr;
    }
    const std::string path = there->string();
    quiet_ucx();
    // OpenMPI loads libraries of its own, which look for its symbols among the global ones.
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
        why = fmt::format("`{}` cannot be loaded: {}", path, dlerror());
        return nullptr;
    }
    const auto start = reinterpret_cast<StartTransport>(dlsym(library, "gmc_start_transport"));
    auto watch = std::make_unique<Watch>(*launch, std::move(questions));
    Transport* transport = start == nullptr ? nullptr : start(kTransportVersion);
    if (transport == nullptr) {
        why = fmt::format("`{}` is of another version of gmc", path);
        return nullptr;
    }
    auto group =
        std::make_unique<ProcessGroup>(std::unique_ptr<Transport>(transport), std::move(watch));
    group->number_by_machine(host_name());
    return group;
}

}  // namespace gmc::runtime
