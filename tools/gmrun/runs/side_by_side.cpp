// Lays texts beside each other: an alignment of the greatest score, within a band of a table.
#include "tools/gmrun/runs/side_by_side.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <unordered_map>
#include <utility>

namespace gmc::tools {
namespace {

/// Of the table that an alignment takes; it is a band along the diagonal where texts are longer.
constexpr ptrdiff_t kCellsMost = 4'000'000;

/// What it counts that two lines share a row: equal ones most, so that the common ones of two texts
/// are found first; unlike ones more than nothing, so that one line may become another.
constexpr int64_t kEqual = 1024, kUnlike = 64, kNearlyEqual = 256;

/// How much of a line is looked at, from its beginning and from its end.
constexpr size_t kLookedAt = 100;

/// From kUnlike on: more, the more two lines begin and end alike. Indentation and the dash of a
/// list do not count.
int64_t likeness(std::string_view a, std::string_view b) {
    a.remove_prefix(std::min(a.find_first_not_of(" -"), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of(" -"), b.size()));
    const size_t shorter = std::min(a.size(), b.size());
    const size_t longer = std::min(std::max(a.size(), b.size()), 2 * kLookedAt);
    if (longer == 0) return kUnlike;
    size_t front = 0, back = 0;
    while (front < std::min(shorter, kLookedAt) && a[front] == b[front]) ++front;
    while (front + back < shorter && back < kLookedAt &&
           a[a.size() - 1 - back] == b[b.size() - 1 - back])
        ++back;
    return kUnlike +
           kNearlyEqual * static_cast<int64_t>(front + back) / static_cast<int64_t>(longer);
}

/// A step of an alignment: to the next row, to the next line, or to both, which share a row then.
enum class Step : uint8_t { kBoth, kRow, kLine };

/// The steps through `rows` rows and `lines` lines with the greatest sum of `score(row, line)` over
/// what shares a row. Lines that would need a table that is too large go in their order.
std::vector<Step> align(ptrdiff_t rows, ptrdiff_t lines,
                        const std::function<int64_t(ptrdiff_t, ptrdiff_t)>& score) {
    std::vector<Step> steps;
    const ptrdiff_t longer = lines - rows, band = kCellsMost / (rows + 1) - std::abs(longer) - 1;
    if (band < 0) {
        steps.assign(static_cast<size_t>(std::min(rows, lines)), Step::kBoth);
        steps.resize(static_cast<size_t>(std::max(rows, lines)),
                     longer < 0 ? Step::kRow : Step::kLine);
        return steps;
    }
    // The cell of row i and line j, which holds the best of all that is behind, is in the band at
    // j - i - low.
    const ptrdiff_t margin = std::min(band / 2, std::max(rows, lines));
    const ptrdiff_t low = std::min<ptrdiff_t>(0, longer) - margin;
    const ptrdiff_t high = std::max<ptrdiff_t>(0, longer) + margin, width = high - low + 1;
    constexpr int64_t kWorst = INT64_MIN / 2;
    std::vector<int64_t> next(static_cast<size_t>(width), kWorst), best;
    std::vector<Step> choice(static_cast<size_t>((rows + 1) * width), Step::kBoth);
    for (ptrdiff_t i = rows; i >= 0; --i) {
        best.assign(static_cast<size_t>(width), kWorst);
        for (ptrdiff_t j = std::min(lines, i + high); j >= std::max<ptrdiff_t>(0, i + low); --j) {
            const auto k = static_cast<size_t>(j - i - low);
            int64_t most = i == rows && j == lines ? 0 : kWorst;
            Step step = Step::kBoth;
            if (i < rows && j < lines) most = next[k] + score(i, j);
            if (i < rows && k > 0 && next[k - 1] > most) most = next[k - 1], step = Step::kRow;
            if (j < lines && k + 1 < best.size() && best[k + 1] > most)
                most = best[k + 1], step = Step::kLine;
            best[k] = most;
            choice[static_cast<size_t>(i * width) + k] = step;
        }
        std::swap(next, best);
    }
    for (ptrdiff_t i = 0, j = 0; i < rows || j < lines;) {
        steps.push_back(choice[static_cast<size_t>(i * width + j - i - low)]);
        i += steps.back() != Step::kLine ? 1 : 0;
        j += steps.back() != Step::kRow ? 1 : 0;
    }
    return steps;
}

/// The rows of the texts that were laid down so far.
class Table {
  public:
    explicit Table(const std::vector<std::vector<std::string_view>>& texts) {
        std::unordered_map<std::string_view, size_t> ids;
        for (const std::vector<std::string_view>& text : texts) {
            texts_.emplace_back();
            for (const std::string_view line : text) {
                const auto [found, added] = ids.try_emplace(line, lines_.size());
                if (added) lines_.push_back(line);
                texts_.back().push_back(found->second);
            }
        }
        for (size_t t = 0; t < texts_.size(); ++t) lay(t);
    }

    std::vector<LineRow> take() { return std::move(rows_); }

  private:
    void lay(size_t t) {
        const std::vector<size_t>& text = texts_[t];
        // Most runs have the text of another one, and then its rows.
        const auto same =
            std::find(texts_.begin(), texts_.begin() + static_cast<ptrdiff_t>(t), text);
        const auto other = static_cast<size_t>(same - texts_.begin());
        if (other < t) {
            for (LineRow& row : rows_) row.push_back(row[other]);
            return;
        }
        const size_t most = std::min(rows_.size(), text.size());
        size_t front = 0, back = 0;
        while (front < most && has(rows_[front], text[front])) ++front;
        while (front + back < most &&
               has(rows_[rows_.size() - 1 - back], text[text.size() - 1 - back]))
            ++back;
        std::vector<Step> steps(front, Step::kBoth);
        for (const Step step : align(static_cast<ptrdiff_t>(rows_.size() - front - back),
                                     static_cast<ptrdiff_t>(text.size() - front - back),
                                     [&](ptrdiff_t i, ptrdiff_t j) {
                                         return score(rows_[front + static_cast<size_t>(i)],
                                                      text[front + static_cast<size_t>(j)]);
                                     }))
            steps.push_back(step);
        steps.insert(steps.end(), back, Step::kBoth);
        std::vector<LineRow> rows;
        size_t row = 0, line = 0;
        for (const Step step : steps) {
            rows.push_back(step == Step::kLine ? LineRow(t, kNoLine) : std::move(rows_[row++]));
            rows.back().push_back(step == Step::kRow ? kNoLine : line++);
        }
        rows_ = std::move(rows);
    }

    bool has(const LineRow& row, size_t id) const {
        for (size_t t = 0; t < row.size(); ++t)
            if (row[t] != kNoLine && texts_[t][row[t]] == id) return true;
        return false;
    }

    int64_t score(const LineRow& row, size_t id) const {
        if (has(row, id)) return kEqual;
        int64_t most = 0;
        size_t before = kNoLine;  // equal lines mostly stand beside each other
        for (size_t t = 0; t < row.size(); ++t) {
            if (row[t] == kNoLine || texts_[t][row[t]] == before) continue;
            before = texts_[t][row[t]];
            most = std::max(most, likeness(lines_[before], lines_[id]));
        }
        return most;
    }

    std::vector<std::string_view> lines_;     ///< by their ids
    std::vector<std::vector<size_t>> texts_;  ///< ids of their lines
    std::vector<LineRow> rows_;
};

}  // namespace

std::vector<LineRow> side_by_side(const std::vector<std::vector<std::string_view>>& texts) {
    return Table(texts).take();
}

}  // namespace gmc::tools
