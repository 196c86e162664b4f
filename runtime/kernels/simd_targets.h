// Which of Highway's targets our kernels are compiled for. Included before <hwy/highway.h>
// everywhere, because all translation units must agree. Left out are targets that differ from a
// neighbour only in integer or crypto instructions: they would double build time and gain nothing
// for f32 loops.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
