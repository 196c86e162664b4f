// The gradient of a scan is a scan that runs backwards.
//
// The forward scan gets one more result for each carried value: what it was at the start of each
// pass. The backward scan takes these as sequences, computes a pass again from them, and carries
// the gradients of the carried values and the sums of the gradients of captured values:
//
//     body @f.x(%x = carried, %e = element, %w = captured) { ... result x = %next }
//     body @f.x.grad(%dx = carried, %dw = carried, %x = element, %e = element, %w = captured) {
//       ...                                             the pass again
//       %f = reduce_sum(%dx * %next)
//       %gx, %ge, %gw = gradient %f, %x, %e, %w         expanded at once
//       result dx = %gx
//       result dw = %dw + %gw
//       result de = %ge                                 stacked
//     }
//
// A pass is computed again, not kept: so memory grows with the count by the carried values only,
// and by the results of products where these take no more memory than what a pass is given; then
// also by those of costly functions, such as tanh, in the same measure.
// Since both are ordinary scans, gradients of gradients need nothing more.
#pragma once

#include <functional>
#include <vector>

#include "compiler/ir/builder.h"

namespace gmc::passes {

/// What the caller knows of the scan, operation `index` of the builder's function.
struct ScanGradient {
    size_t index = 0;
    std::vector<bool> wanted;        ///< by operand: whether its gradient is needed
    std::vector<ir::ValueId> diffs;  ///< by result: its gradient; kNone where none flows in
};

/// Appends the backward scan. By operand: its gradient; kNone where none flows. New bodies are put
/// at the end of the module's functions; `expand` replaces the `gradient` ops of one of them.
std::vector<ir::ValueId> differentiate_scan(ir::Builder& b, const ScanGradient& scan,
                                            const std::function<void(ir::Function&)>& expand);

}  // namespace gmc::passes
