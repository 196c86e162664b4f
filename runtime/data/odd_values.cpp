// Compares the span of values with what networks can do with them.
#include "runtime/data/odd_values.h"

#include <algorithm>
#include <cmath>

#include "runtime/files/tables/table.h"

namespace gmc::runtime {
namespace {

/// Data without differences, of which a model can learn no more than this one value.
void warn_of_constant(const ir::DataField& field, const SeenValues& seen, Span place,
                      Diagnostics& diagnostics) {
    const bool one_value = seen.span.low == seen.span.high;
    constexpr int64_t kFewest = 8;  // below, it may be by chance, or a first try
    if (seen.examples < kFewest || (!one_value && !seen.all_equal)) return;
    const std::string text =
        one_value ? fmt::format("`data.{}` is {:.6g} everywhere, in all {} examples that were read",
                                field.name, seen.span.low, seen.examples)
                  : fmt::format("all {} examples of `data.{}` that were read are equal",
                                seen.examples, field.name);
    diagnostics.warning(DiagnosticKind::kBadValue, place, "{}", text)
        .help("nothing is learnt from data without differences: is it the right file?");
}

}  // namespace

void warn_of_odd_values(const ir::DataField& field, const SeenValues& seen, Span place,
                        Diagnostics& diagnostics) {
    constexpr float kLarge = 1000;  ///< networks begin with results of about the size of inputs
    if (field.label_classes() > 0) return;
    warn_of_constant(field, seen, place, diagnostics);
    if (field.classes > 0) return;  // of the labels of a sequence, numbers are no sizes
    if (std::max(std::fabs(seen.span.low), std::fabs(seen.span.high)) <= kLarge) return;
    diagnostics
        .warning(DiagnosticKind::kBadValue, place,
                 "`data.{}` spans [{:.4g}, {:.4g}]: networks learn little from such large numbers, "
                 "and losses of them overflow",
                 field.name, seen.span.low, seen.span.high)
        .help(
            "save them standardised, `(x - x.mean(axis=0)) / x.std(axis=0)`; where the model "
            "itself scales them, all is well");
}

void warn_of_constant_columns(const ir::DataField& field, Diagnostics& diagnostics) {
    const std::optional<Table> table = Table::parse(field.table);
    if (!table || table->rows < 2) return;
    for (const TableColumn& column : table->columns)
        if (column.kind == ColumnKind::kNumber && column.scale != ColumnScale::kNone &&
            column.low == column.high)
            diagnostics
                .warning(DiagnosticKind::kBadValue, {},
                         "`data.{}`: the column `{}` is {:.6g} in all rows, so that there is "
                         "nothing to scale it by",
                         field.name, column.name, column.low)
                .help(help_of_constant(column));
}

}  // namespace gmc::runtime
