// Sets the two bits in MXCSR, the control register of SSE, that make the processor take subnormal
// numbers for zero. The register belongs to a thread.
#include "runtime/threads/float_mode.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace gmc::runtime {

void flush_denormals() {
#if defined(__SSE__)
    constexpr unsigned kFlushToZero = 1u << 15, kDenormalsAreZero = 1u << 6;
    _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#endif
}

unsigned float_mode() {
#if defined(__SSE__)
    return _mm_getcsr();
#else
    return 0;
#endif
}

void set_float_mode([[maybe_unused]] unsigned mode) {
#if defined(__SSE__)
    _mm_setcsr(mode);
#endif
}

}  // namespace gmc::runtime
