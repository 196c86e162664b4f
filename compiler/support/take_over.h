// Hands reports on, with the place that their reporter did not know.
#pragma once

#include "compiler/support/diagnostic.h"

namespace gmc {

/// Adds the errors and warnings of `from` to `to`; what has no place gets `span`.
void take_over(const Diagnostics& from, Span span, Diagnostics& to);

}  // namespace gmc
