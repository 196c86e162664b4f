// Compares the span of values with what networks can do with them.
#include "runtime/data/odd_values.h"

#include <algorithm>
#include <cmath>

namespace gmc::runtime {

void warn_of_odd_values(const ir::DataField& field, ValueRange seen, Span place,
                        Diagnostics& diagnostics) {
    constexpr float kLarge = 1000;  ///< networks begin with results of about the size of inputs
    if (field.classes > 0) return;
    if (std::max(std::fabs(seen.low), std::fabs(seen.high)) <= kLarge) return;
    diagnostics
        .warning(DiagnosticKind::kBadValue, place,
                 "`data.{}` spans [{:.4g}, {:.4g}]: networks learn little from such large numbers, "
                 "and losses of them overflow",
                 field.name, seen.low, seen.high)
        .help(
            "save them standardised, `(x - x.mean(axis=0)) / x.std(axis=0)`; where the model "
            "itself scales them, all is well");
}

}  // namespace gmc::runtime
