// Copies reports one by one.
#include "compiler/support/take_over.h"

namespace gmc {

void take_over(const Diagnostics& from, Span span, Diagnostics& to) {
    const auto place = [&](const Diagnostic& one) { return one.span.known() ? one.span : span; };
    for (const Diagnostic& error : from.list()) to.add(error).span = place(error);
    for (const Diagnostic& warning : from.warnings()) {
        Diagnostic& added = to.warning(warning.kind, place(warning), "{}", warning.text);
        added.notes = warning.notes;
        added.helps = warning.helps;
    }
}

}  // namespace gmc
