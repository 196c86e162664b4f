// Optimal string alignment, with the three rows of the table that it needs at a time.
#include "compiler/support/edit_distance.h"

#include <algorithm>
#include <vector>

namespace gmc {

size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], before[j - 2] + 1);
        }
        std::swap(before, previous);
        std::swap(previous, current);
    }
    return previous[b.size()];
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
    constexpr size_t kLongestWorthComparing = 64;
    if (name.empty() || name.size() > kLongestWorthComparing) return "";
    std::string best;
    // At most a third of the name may change, or one letter of a short one.
    size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
    for (const std::string& candidate : candidates) {
        const size_t distance = edit_distance(name, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace gmc
