// Optimal string alignment by dynamic programming: cell (i, j) of the table is the distance between
// the first i bytes of a and the first j of b. A cell needs the row above and, for swapped
// neighbours, the one above that, so three rows are kept instead of the table.
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

namespace {

/// With another letter, a word of three is mostly another word (`map`, `max`) and no slip.
bool is_other_short_word(std::string_view name, std::string_view candidate) {
    constexpr size_t kShort = 3;
    return name.size() <= kShort && name.size() == candidate.size() &&
           !std::is_permutation(name.begin(), name.end(), candidate.begin());
}

}  // namespace

/// Compares with every candidate and keeps the first of the nearest. A candidate all of whose
/// letters would have to change (distance >= its length) is no suggestion, which matters for names
/// of one or two letters.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
    // The comparison takes time in proportion to both lengths; no name of ours is that long, and a
    // file of strangers may hold a "name" of a megabyte.
    constexpr size_t kLongestWorthComparing = 64;
    if (name.empty() || name.size() > kLongestWorthComparing) return "";
    std::string best;
    // At most a third of the name may change, or one letter of a short one.
    size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
    for (const std::string& candidate : candidates) {
        if (is_other_short_word(name, candidate)) continue;
        const size_t distance = edit_distance(name, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace gmc
