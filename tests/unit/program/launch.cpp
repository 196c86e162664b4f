// Who has started this process, by the variables of each starter.
#include "runtime/processes/launch.h"

#include <cstdlib>
#include <map>

#include "tests/catch.h"

using namespace gmc::runtime;

namespace {

constexpr const char* kVariables[] = {"OMPI_COMM_WORLD_SIZE",
                                      "OMPI_COMM_WORLD_RANK",
                                      "PMI_SIZE",
                                      "PMI_RANK",
                                      "MPI_LOCALNRANKS",
                                      "MPI_LOCALRANKID",
                                      "SLURM_STEP_NUM_TASKS",
                                      "SLURM_PROCID",
                                      "PMIX_RANK",
                                      "OMPI_COMM_WORLD_LOCAL_SIZE"};

/// What is found with only these of the variables set.
std::optional<Launch> launch_with(const std::map<std::string, std::string>& set) {
    std::map<std::string, std::string> before;
    for (const char* variable : kVariables) {
        if (const char* value = std::getenv(variable)) before[variable] = value;
        unsetenv(variable);
    }
    for (const auto& [name, value] : set) setenv(name.c_str(), value.c_str(), 1);
    const std::optional<Launch> found = find_launch();
    for (const auto& [name, value] : set) unsetenv(name.c_str());
    for (const auto& [name, value] : before) setenv(name.c_str(), value.c_str(), 1);
    return found;
}

}  // namespace

TEST_CASE("processes that were started together know by whom, and by which MPI they meet",
          "[group]") {
    CHECK_FALSE(launch_with({}));
    CHECK_FALSE(launch_with({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}));
    const auto open = launch_with({{"OMPI_COMM_WORLD_SIZE", "4"},
                                   {"OMPI_COMM_WORLD_RANK", "3"},
                                   {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
    REQUIRE(open);
    CHECK(open->mpi == "OpenMPI");
    CHECK(open->processes == 4);
    CHECK(open->rank == 3);
    CHECK(open->beside == 2);
    const auto mpich = launch_with({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}});
    REQUIRE(mpich);
    CHECK(mpich->mpi == "MPICH");
    CHECK(mpich->beside == 0);
    // mpirun of one process in a job of four.
    const std::map<std::string, std::string> slurm = {{"SLURM_STEP_NUM_TASKS", "4"},
                                                      {"SLURM_PROCID", "2"}};
    auto inside = slurm;
    inside["OMPI_COMM_WORLD_SIZE"] = "1";
    CHECK_FALSE(launch_with(inside));
    const auto alone = launch_with(slurm);
    REQUIRE(alone);
    CHECK(alone->by == "srun");
    CHECK(alone->mpi.empty());
    CHECK(alone->rank == 2);
    auto pmix = slurm;
    pmix["PMIX_RANK"] = "2";
    REQUIRE(launch_with(pmix));
    CHECK(launch_with(pmix)->mpi == "OpenMPI");
}
