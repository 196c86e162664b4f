// Files that MPI leaves behind where a process ends without it, or its mpirun does.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace gmc::runtime {

/// The files below `folder` that this process has mapped into its memory, and that are there.
std::vector<std::string> mapped_files(const std::string& folder);

/// Removes the shared memory that this process has in /dev/shm. MPI removes it at its own end only;
/// what processes have mapped stays theirs, and memory is given back when the last of them ends.
void remove_shared_memory();

/// Removes the folder below TMPDIR in which OpenMPI's mpirun kept what its processes ask it. This
/// mpirun is gone, and `mpirun` was its number: of another folder nothing is removed.
void remove_session(pid_t mpirun);

}  // namespace gmc::runtime
