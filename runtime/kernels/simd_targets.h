// Which of Highway's targets our kernels are compiled for. Every file that includes
// <hwy/highway.h> includes this one before it, because all translation units must agree. Targets
// that differ from another one only in integer or crypto instructions are left out: they would
// double the time of the build, and loops over f32 would be no faster.
#pragma once

#if defined(__aarch64__)
// GCC 12 crashes on the header of the scalable vectors (arm_sve.h).
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#elif defined(GMC_ONE_SIMD_TARGET)
// For libFuzzer (preset fuzz), which looks for mistakes of readers: AVX2 and the least set.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#endif
