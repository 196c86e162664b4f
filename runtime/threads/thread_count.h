// How many threads compute.
#pragma once

#include <string>

namespace gmc::runtime {

/// To compute with more threads is certainly a mistake, and would take gigabytes for their stacks.
inline constexpr int kMostThreads = 1024;

/// How many threads compute what this thread calls, itself included: what set_thread_count() was
/// given in this thread, else usual_thread_count(). Kernels read it when they are made.
int thread_count();
/// From 1 to kMostThreads; holds for calls from this thread.
void set_thread_count(int count);

/// What the variable OMP_NUM_THREADS says, which users and batch systems set for all programs;
/// else as many as there are processors that this process may use: those of its affinity mask, and
/// no more than the time that its control groups grant, in whole processors.
int usual_thread_count();

/// The same for each of several processes that share the processors of this one: its share of them,
/// at least 1. OMP_NUM_THREADS counts for each process.
int usual_thread_count_beside(int processes);
/// The processors that this process may use, as text. Processes of one machine for which these are
/// the same share them.
std::string processors_text();

/// The number of threads for which the processors of a control group suffice. Files of limits are
/// looked for below `root`, which is "" but in tests; no limit is kMostThreads.
int control_group_threads(const char* root);

}  // namespace gmc::runtime
