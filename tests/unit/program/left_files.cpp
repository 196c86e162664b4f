// What MPI leaves behind: files in memory, and the folder of an mpirun that is gone.
#include "runtime/processes/left_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace gmc;
namespace fs = std::filesystem;

TEST_CASE("files that are mapped into memory are found, as long as they are there", "[group]") {
    const TemporaryFolder folder;
    const std::string shm = folder / "shm", path = shm + "/segment";
    fs::create_directory(shm);
    std::ofstream(path) << "a";
    CHECK(runtime::mapped_files(shm).empty());
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* const memory = mmap(nullptr, 1, PROT_READ, MAP_SHARED, file, 0);
    REQUIRE(memory != MAP_FAILED);
    CHECK(runtime::mapped_files(shm) == std::vector<std::string>{path});
    fs::remove(path);
    CHECK(runtime::mapped_files(shm).empty());
    munmap(memory, 1);
    close(file);
}

TEST_CASE("the files of an mpirun that is gone are removed, and no others", "[group]") {
    const TemporaryFolder folder;
    const fs::path session = folder / "ompi.a.0/pid.123", other = folder / "ompi.a.0/pid.124";
    for (const fs::path& each : {session, other}) {
        fs::create_directories(each / "0");
        std::ofstream(each / "contact.txt") << "x";
    }
    setenv("PMIX_SERVER_TMPDIR", session.c_str(), 1);
    runtime::remove_session(12);
    CHECK(fs::exists(session / "contact.txt"));
    runtime::remove_session(123);
    CHECK_FALSE(fs::exists(session));
    CHECK(fs::exists(other / "contact.txt"));
    setenv("PMIX_SERVER_TMPDIR", other.c_str(), 1);
    runtime::remove_session(124);
    CHECK_FALSE(fs::exists(folder / "ompi.a.0"));
    unsetenv("PMIX_SERVER_TMPDIR");
    runtime::remove_session(124);
}
