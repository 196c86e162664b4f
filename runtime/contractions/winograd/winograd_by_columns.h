// Winograd's convolutions of many channels over small images.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// Null where another order of the loops is better (make_winograd_conv).
std::unique_ptr<Kernel> make_winograd_by_columns(const ConvProblem& problem,
                                                 ContractionContext& context, int64_t points);

}  // namespace gmc::runtime
