// Counts each sample at the nearest mode, if it is within 3 sigma of it.
#include "runtime/metrics/modes.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace gmc::runtime {

/// Every point is compared with every centre, of which there are 25 at most.
ModeCoverage mode_coverage(std::span<const float> points, const SyntheticModes& modes) {
    const auto count = static_cast<int64_t>(points.size() / 2);
    GMC_CHECK(count > 0 && points.size() % 2 == 0 && !modes.centres.empty(),
              "coverage of {} modes by {} coordinates", modes.centres.size(), points.size());
    ModeCoverage result;
    result.modes = static_cast<int64_t>(modes.centres.size());
    result.samples_near.assign(modes.centres.size(), 0);
    const double reach = 3.0 * modes.sigma;
    int64_t good = 0;
    for (int64_t i = 0; i < count; ++i) {
        const auto squared_distance = [&](const Point& centre) {
            const double x = double{points[2 * i]} - centre.x,
                         y = double{points[2 * i + 1]} - centre.y;
            return x * x + y * y;
        };
        size_t nearest = 0;
        for (size_t m = 1; m < modes.centres.size(); ++m)
            if (squared_distance(modes.centres[m]) < squared_distance(modes.centres[nearest]))
                nearest = m;
        if (!(squared_distance(modes.centres[nearest]) <= reach * reach)) continue;
        ++result.samples_near[nearest];
        ++good;
    }
    // near / count >= 0.1 / modes, written in whole numbers.
    result.modes_covered =
        std::count_if(result.samples_near.begin(), result.samples_near.end(),
                      [&](int64_t near) { return near * result.modes * 10 >= count; });
    result.share_within_3_sigma = static_cast<double>(good) / static_cast<double>(count);
    return result;
}

}  // namespace gmc::runtime
