// Sets MXCSR in every thread of the OpenMP pool.
#include "runtime/kernels/denormals.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace gmc::runtime {

void flush_denormals_in_all_threads() {
#if defined(__SSE__)
    constexpr unsigned kFlushToZero = 1u << 15, kDenormalsAreZero = 1u << 6;
#pragma omp parallel
    _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#endif
}

}  // namespace gmc::runtime
