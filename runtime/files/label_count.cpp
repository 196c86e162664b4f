// Counts labels per class. Which numbers are missing says what kind of mistake was made: 0 alone
// means that labels count from 1, single gaps that class numbers were not made contiguous.
#include "runtime/files/label_count.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "compiler/support/wording.h"

namespace gmc::runtime {
namespace {

/// Labels that are read at a time.
constexpr size_t kPieceValues = 65536;

/// "0, 2 to 4 and 7": runs of numbers, at most `kRunsMost` of them.
std::string list_runs(const std::vector<int64_t>& numbers) {
    constexpr size_t kRunsMost = 4;
    std::vector<std::string> runs;
    for (size_t i = 0; i < numbers.size();) {
        size_t end = i + 1;
        while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
        runs.push_back(end - i == 1 ? fmt::format("{}", numbers[i])
                                    : fmt::format("{} to {}", numbers[i], numbers[end - 1]));
        i = end;
    }
    const bool all = runs.size() <= kRunsMost;
    const std::string last = all ? runs.back() : "more";
    runs.resize(all ? runs.size() - 1 : kRunsMost);
    return runs.empty() ? last : fmt::format("{} and {}", fmt::join(runs, ", "), last);
}

}  // namespace

void LabelCount::add(const float* labels, size_t count) {
    for (size_t i = 0; i < count && problem_.empty(); ++i, ++added_) {
        const float label = labels[i];
        if (!(label >= 0) || label != std::floor(label)) {
            problem_ = fmt::format("has the value {} in example {}", label, added_);
        } else if (label >= static_cast<float>(kClassesMost)) {
            problem_ =
                fmt::format("has the value {} in example {}, beyond the {} classes that can be",
                            label, added_, kClassesMost);
        } else {
            const auto at = static_cast<size_t>(label);
            if (at >= examples_.size()) examples_.resize(at + 1);
            ++examples_[at];
        }
    }
}

std::vector<int64_t> LabelCount::missing(int64_t classes) const {
    std::vector<int64_t> out;
    for (int64_t k = 0; k < classes; ++k)
        if (k >= static_cast<int64_t>(examples_.size()) || examples_[static_cast<size_t>(k)] == 0)
            out.push_back(k);
    return out;
}

/// Three causes, three remedies: `count` left only the first examples of sorted data; labels that
/// count from 1; labels with gaps.
bool warn_of_missing(const LabelCount& labels, int64_t classes, const std::string& what, bool cut,
                     Span span, Diagnostics& diagnostics) {
    const std::vector<int64_t> missing = labels.missing(classes);
    if (missing.empty() && classes == 1 && labels.examples() > 1) {
        diagnostics
            .warning(DiagnosticKind::kBadValue, span,
                     "{} is 0 in all {} examples{}: there is one class only, and nothing to tell "
                     "apart",
                     what, labels.examples(), cut ? " that `count` leaves" : "")
            .help("is it the right file, or the right array?");
        return true;
    }
    if (missing.empty()) return false;
    const char* have = missing.size() == 1 ? "has" : "have";
    if (cut) {
        diagnostics
            .warning(DiagnosticKind::kBadValue, span,
                     "{} is cut to its first {} by `count`, in which {} {} of its {} {} no example",
                     what, counted(labels.examples(), "example"),
                     missing.size() == 1 ? "class" : "classes", list_runs(missing), classes, have)
            .help("where later examples have them, mix the data before, or raise `count`");
    } else if (missing == std::vector<int64_t>{0}) {
        diagnostics
            .warning(DiagnosticKind::kBadValue, span,
                     "{} holds the labels 1 to {}: class 0 has no example", what, classes - 1)
            .help("labels count from 0: where these count from 1, save `y - 1`");
    } else {
        diagnostics
            .warning(DiagnosticKind::kBadValue, span,
                     "{} holds labels of {} classes, but {} {} {} no example", what, classes,
                     missing.size() == 1 ? "class" : "classes", list_runs(missing), have)
            .help(
                "labels are numbered without gaps: where there is no such class, save "
                "`np.unique(y, return_inverse=True)[1]`");
    }
    return true;
}

Result<LabelCount> count_labels(ArrayFile& file, int64_t count, Diagnostics& diagnostics) {
    const ArrayHeader& header = file.header();
    uint64_t left = header.values() - file.values_read();
    if (count > 0) left = std::min(left, static_cast<uint64_t>(count));
    std::vector<uint8_t> bytes(kPieceValues * header.type->bytes);
    std::vector<float> labels(kPieceValues);
    LabelCount found;
    while (left > 0) {
        const size_t piece = std::min<uint64_t>(left, kPieceValues);
        if (!file.read_values(bytes.data(), piece, diagnostics)) return Failure{};
        header.type->convert(bytes.data(), piece, labels.data());
        found.add(labels.data(), piece);
        left -= piece;
    }
    return found;
}

}  // namespace gmc::runtime
