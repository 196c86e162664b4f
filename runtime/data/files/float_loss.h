// Whether the numbers of an array are still told apart as f32, in which gmc computes.
#pragma once

#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "runtime/files/array_header.h"

namespace gmc::runtime {

/// Looks at the stored values of an array, each place of an example by itself: a column of times
/// may stand beside others. Memory: 64 bytes per place.
class FloatLoss {
  public:
    /// The header must outlive it.
    explicit FloatLoss(const ArrayHeader& header);

    /// The next `count` values as they stand in the file.
    void add(const uint8_t* values, size_t count);
    /// Warns (kBadValue) of the first value that is another number as f32, where that matters: a
    /// whole number, or one of values that differ by little from a large one.
    void warn(Diagnostics& diagnostics) const;

  private:
    struct Place {
        double low = 0, high = 0;
        double lossy = 0;        ///< the first value that f32 does not hold
        uint64_t example = kNo;  ///< where that is
        std::string digits;      ///< of an integer
    };
    static constexpr uint64_t kNo = UINT64_MAX;

    void add(const uint8_t* stored, double value, Place& place, uint64_t example);
    void warn_of(const Place& place, Diagnostics& diagnostics) const;

    const ArrayHeader& header_;
    std::vector<Place> places_;  ///< as they are stored; empty where f32 holds every value
    std::vector<double> piece_;
    uint64_t done_ = 0;
    const Place* whole_ = nullptr;  ///< the first place with a whole number that is rounded
};

}  // namespace gmc::runtime
