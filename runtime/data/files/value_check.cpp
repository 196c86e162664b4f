// Checks single values of an array: labels are whole numbers of the classes, other values lie in
// the declared range or are at least finite. All of it comes down to two bounds, so that a check
// costs two comparisons.
#include "runtime/data/files/value_check.h"

#include <limits>

namespace gmc::runtime {

ValueCheck::ValueCheck(const ArrayHeader& header, const ValueRules& rules, size_t rank)
    : header_(header),
      rules_(rules),
      rank_(rank),
      low_(std::numeric_limits<float>::lowest()),
      high_(std::numeric_limits<float>::max()) {
    if (rules.classes > 0) {
        low_ = 0;
        high_ = static_cast<float>(rules.classes - 1);
        whole_ = true;
    } else if (rules.range && !header.type->is_scaled() && (rules.range_given || rank == 3)) {
        low_ = rules.range->low;
        high_ = rules.range->high;
    } else {
        any_ = !header.type->is_integer();
    }
}

std::optional<ValueRange> ValueCheck::scale() const {
    return rules_.classes == 0 && header_.type->is_scaled() ? rules_.range : std::nullopt;
}

Diagnostic ValueCheck::error(float value, uint64_t index) const {
    Diagnostic error{DiagnosticKind::kBadValue, {}, "", {}, {}};
    std::string otherwise;
    if (std::isinf(value) && header_.type->bytes == 8) {
        otherwise = "which is infinite, or beyond the 3.4e38 of f32";
    } else if (!std::isfinite(value)) {
        otherwise = "which is not a finite number";
    } else if (rules_.classes > 0) {
        otherwise = fmt::format("but the labels of {} classes are 0 to {}", rules_.classes, high_);
        if (value == static_cast<float>(rules_.classes))
            error.help("labels count from 0: where these count from 1, save `y - 1`");
        error.help(fmt::format(
            "`classes` of `data.{}`, or of the layer that takes them, says how many there "
            "are",
            rules_.name));
    } else {
        otherwise =
            fmt::format("outside of [{}, {}], {}", low_, high_,
                        rules_.range_given ? "the range of the model"
                                           : "the range of pictures where the model gives none");
        error.help(
            fmt::format("write the `range` of the values at `data.{}`; only unsigned bytes "
                        "are scaled into it, other numbers stay as they are",
                        rules_.name));
        if (low_ == 0 && high_ == 1 && value > 1 && value <= 255 && rank_ == 3)
            error.help("numbers from 0 to 255: save `x / 255`, or as bytes, `x.astype(np.uint8)`");
        else if (low_ == 0 && high_ == 1)
            error.help(
                "`bce_with_logits` needs targets from 0 to 1: for others there are other losses, "
                "in recipes with `likelihood` it is `likelihood: gaussian`");
    }
    if (!std::isfinite(value))
        error.help(
            "nothing is learnt from it: leave such examples out, or put a number in its "
            "place, as `numpy.nan_to_num` does");
    error.text = fmt::format("`{}` has the value {} {}, {}", header_.path, value,
                             header_.place_of(index), otherwise);
    return error;
}

}  // namespace gmc::runtime
