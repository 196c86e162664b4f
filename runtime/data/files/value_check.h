// Checks what the values of an array must be, one value at a time.
#pragma once

#include <cmath>
#include <optional>

#include "runtime/data/files/array_data.h"
#include "runtime/files/array_header.h"

namespace gmc::runtime {

/// What values of an array may be: within the range where one is given, whole numbers below the
/// number of classes for labels, finite otherwise. Two comparisons decide for every value.
class ValueCheck {
  public:
    /// For examples of `rank` dimensions. Header and rules must outlive it.
    ValueCheck(const ArrayHeader& header, const ValueRules& rules, size_t rank);

    /// What bytes 0 to 255 are scaled into; nothing where values are read as they are.
    std::optional<ValueRange> scale() const;
    /// Whether there can be bad values at all.
    bool any() const { return any_; }
    bool is_good(float value) const {
        return value >= low_ && value <= high_ && (!whole_ || value == std::floor(value));
    }
    /// The error that says what is wrong with value `index` of all examples (row-major).
    Diagnostic error(float value, uint64_t index) const;

  private:
    const ArrayHeader& header_;
    const ValueRules& rules_;
    const size_t rank_;
    bool any_ = true;
    bool whole_ = false;
    float low_, high_;  ///< finite, so that infinity and NaN are never between them
};

}  // namespace gmc::runtime
