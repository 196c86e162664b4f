// Reads `range:` of a field of data: the lowest and the highest of its numbers.
#include "dsl/data/data_field.h"

#include <algorithm>
#include <cmath>

#include "compiler/support/numbers.h"
#include "dsl/text/lexer.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// Both ends have to be numbers, or arithmetic of them, the first smaller: [1, -1] would turn
/// pictures into their negatives, and [0, 0] would divide by 0. A minus that is typographical
/// (U+2212), as in copied text, gets a help of its own.
void read_range(const Entry& range, DataField& field, Diagnostics& diagnostics) {
    const Node& node = *range.value;
    const auto number = [&](size_t i) { return number_of(*node.items[i]); };
    if (!node.is_list() || node.items.size() != 2 || !number(0) || !number(1)) {
        for (const NodePtr& item : node.items)
            if (item->failed) return;
        if (node.failed) return;
        Diagnostic& error = diagnostics.error(DiagnosticKind::kWrongType,
                                              node.is_null() ? range.key_span : node.span,
                                              "`range` is a list of two numbers such as [-1, 1]");
        if (node.is_scalar() && !node.is_null())
            error.help("the lowest and the highest number stand in brackets: `range: [0, 1]`");
        const auto other_minus = [](const NodePtr& item) {
            return item->is_scalar() && item->text.starts_with("\u2212");
        };
        if (std::any_of(node.items.begin(), node.items.end(), other_minus))
            error.help("the minus is the character `-`");
        const auto is_of_names = [](const NodePtr& item) {
            return item->is_scalar() && !number_of(*item) && is_name(item->text.substr(0, 1));
        };
        if (std::any_of(node.items.begin(), node.items.end(), is_of_names))
            error.help(
                "a number may be arithmetic, `[0, 255 / 2]`; a variable is written `${name}`");
        return;
    }
    field.range_low = *number(0);
    field.range_high = *number(1);
    field.range_given = true;
    if (is_range(field.range_low, field.range_high)) return;
    const auto low = static_cast<float>(field.range_low);
    const auto high = static_cast<float>(field.range_high);
    if (field.range_low < field.range_high)
        diagnostics.error(DiagnosticKind::kBadValue, node.span,
                          "`range` goes from {} to {}: as numbers of 32 bits {}", field.range_low,
                          field.range_high,
                          !std::isfinite(high - low) ? "these or their distance are infinite"
                          : low == high              ? "these are equal"
                                        : fmt::format("these are less than {} apart, so that steps "
                                                      "between them are lost",
                                                      kLeastRange));
    else
        diagnostics.error(DiagnosticKind::kBadValue, node.span,
                          "`range` goes from {} to {}, the first has to be smaller",
                          field.range_low, field.range_high);
}

}  // namespace gmc::dsl
