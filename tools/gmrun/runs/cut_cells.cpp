// Cuts cells, and looks whether what is left still tells them apart.
#include "tools/gmrun/runs/cut_cells.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace gmc::tools {
namespace {

constexpr size_t kMost = 60, kDots = 3;
/// How much is shown before the first difference.
constexpr size_t kBefore = 20;

/// The nearest place at or before `at` that is not inside of a character.
size_t at_character(const std::string& text, size_t at) {
    while (at > 0 && at < text.size() && (text[at] & 0xc0) == 0x80) --at;
    return at;
}

/// `text` without `front` bytes at its begin, in at most `most` bytes.
std::string cut(const std::string& text, size_t front, size_t most) {
    front = at_character(text, front);
    std::string out = front == 0 ? text : "..." + text.substr(front);
    if (out.size() > most) out = out.substr(0, at_character(out, most - kDots)) + "...";
    return out;
}

/// Of the texts that are longer than kMost, how many bytes all begin with.
size_t common_begin(const std::vector<std::string>& values) {
    const std::string* first = nullptr;
    size_t common = 0;
    for (const std::string& value : values) {
        if (value.size() <= kMost) continue;
        if (first == nullptr) {
            first = &value;
            common = value.size();
        } else if (value != *first) {
            const auto differ = std::mismatch(value.begin(), value.end(), first->begin(),
                                              first->begin() + static_cast<std::ptrdiff_t>(common));
            common = static_cast<size_t>(differ.first - value.begin());
        }
    }
    return common;
}

}  // namespace

std::vector<std::string> cut_cells(const std::vector<std::string>& values) {
    const size_t common = common_begin(values);
    size_t longest = 0;
    for (const std::string& value : values) longest = std::max(longest, value.size());
    const std::set<std::string> all(values.begin(), values.end());
    const auto try_cut = [&](size_t front, size_t most, std::vector<std::string>& out) {
        out.clear();
        for (const std::string& value : values)
            out.push_back(value.size() <= kMost ? value : cut(value, front, most));
        return std::set<std::string>(out.begin(), out.end()).size() == all.size();
    };
    std::vector<std::string> out;
    if (try_cut(0, kMost, out)) return out;
    const size_t front = common > kBefore ? common - kBefore : 0;
    for (size_t most = kMost; most < 2 * longest; most += kMost)
        if (try_cut(front, most, out)) return out;
    return values;
}

}  // namespace gmc::tools
