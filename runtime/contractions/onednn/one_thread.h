// oneDNN divides its work among OpenMP's threads. Ours is divided before it gets there, among the
// team of runtime/threads; OpenMP's own threads would wait awake beside these for the next call.
#pragma once

#include <omp.h>

namespace gmc::runtime {

/// While it lives, oneDNN makes primitives for one thread and runs them on the thread that calls;
/// no thread of OpenMP is made. Other threads, and what else the caller does with OpenMP, are as
/// before.
class OneThread {
  public:
    OneThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;
    ~OneThread() { omp_set_num_threads(threads_); }

  private:
    int threads_;
};

}  // namespace gmc::runtime
