// Figures that are no means. The mean of a loss over all data is the mean over its batches, but a
// root, a variance or a perplexity is no mean: averaged over batches it would depend on their size.
#pragma once

#include <optional>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// Moves what `evaluate` computes from sums, counts, maxima and logsumexp over the batch alone, and
/// what is no mean over examples, into a function `figures`:
///
///     func @evaluate(...) {                    func @evaluate(...) {
///       %s = reduce_sum ...                      %s = reduce_sum ...
///       %n = reduce_sum %valid       ->          %n = reduce_sum %valid
///       %mean = div %s, %n                       ...
///       %rms = sqrt %mean                        result rms = %rms
///       result rms = %rms                        result sum.0 = %s
///     }                                          result sum.1 = %n
///                                              }
///                                              func @figures(%sum.0 = total.sum.0, ...) {
///                                                ...
///                                                result rms = %rms
///                                              }
///
/// The runtime adds the sums up over all batches, calls @figures at the end, and takes its results
/// in place of those of the same names. Figures for which a batch matters in another way (they
/// relate examples to the mean of their batch) stay means over batches. Nothing when all figures
/// are means.
std::optional<ir::Function> figures_of_set(const FunctionScope& scope, ir::Function& evaluate);

}  // namespace gmc::lower
