// How many classes stored labels have, and what is odd about them: no whole numbers, gaps, classes
// without examples. The language warns of it when it compiles, the runtime when it loads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/files/array_file.h"

namespace gmc::runtime {

/// Counts the examples of each class.
class LabelCount {
  public:
    /// Labels above this are taken for values, not for classes.
    static constexpr int64_t kClassesMost = 1000000;

    /// The labels that follow those added before.
    void add(const float* labels, size_t count);

    /// The largest label + 1; 0 when `problem` says why they are no labels.
    int64_t classes() const {
        return problem_.empty() ? static_cast<int64_t>(examples_.size()) : 0;
    }
    /// Why the values are no labels: "has the value -1 in example 3". "" when they are labels.
    const std::string& problem() const { return problem_; }
    int64_t examples() const { return added_; }
    /// The classes among 0 .. `classes` - 1 that no example has.
    std::vector<int64_t> missing(int64_t classes) const;

  private:
    std::vector<int64_t> examples_;  ///< per class
    int64_t added_ = 0;
    std::string problem_;
};

/// Warns where there is one class only, or where some of the classes 0 .. `classes` - 1 have no
/// example, and says what to do; `what` names the labels, and `cut` says that they are only the
/// first ones, by `count:`. False when all is well.
bool warn_of_missing(const LabelCount& labels, int64_t classes, const std::string& what, bool cut,
                     Span span, Diagnostics& diagnostics);

/// Counts the labels of a file from where it stands: `count` of them, or all that follow (0).
/// Errors: those of reading.
Result<LabelCount> count_labels(ArrayFile& file, int64_t count, Diagnostics& diagnostics);

}  // namespace gmc::runtime
