// What the signs of a run's health (runtime/run/signs.h) are judged by. It is a part of where
// training stands: a run that is resumed tells the same signs as one that never stopped.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

namespace gmc::runtime {

/// The values of a loss or metric.
struct FigureHistory {
    // Since the epoch began.
    double sum = 0;
    int64_t count = 0;
    /// Of the values without their signs; the least without the run's first steps.
    double least_size = 0, most_size = 0;
    double begin = 0;  ///< the size in the run's first step; 0: not known
    /// The largest size of the run's first steps, and of its first epoch; 0: not known yet. An
    /// epoch that exploded itself has `early` instead.
    double early = 0, first = 0;
    bool is_signed = false;  ///< a value was below 0
    /// Those of the last steps, also of earlier epochs; at most kLastMost.
    std::deque<double> last;
    static constexpr size_t kLastMost = 128;
};

/// What the last epochs showed of a sign.
struct SignHistory {
    int64_t epochs = 0;  ///< in a row, that showed it
    /// The step after which the first of them began, or its number last grew (Sign::is_mended_by);
    /// of a sign that is gone, the last that showed it.
    int64_t since = 0;
    double most = 0;  ///< the number then
    bool is_told = false;
    int64_t gone = 0;  ///< epochs in a row, of a sign that was told, that did not show it
};

struct SignCounters {
    std::map<std::string, FigureHistory> figures;
    int64_t judged = 0;        ///< the step at the end of the last epoch that was judged
    bool was_diverse = false;  ///< samples have been as different as they have to be
    std::map<std::pair<std::string, std::string>, SignHistory> shown;  ///< by name and subject

    /// As JSON, for a checkpoint; "" while there is nothing.
    std::string to_text() const;
    /// The inverse of to_text. Throws JsonError for what that does not write.
    static SignCounters from_text(const std::string& text);
    /// Throws JsonError where a run cannot have come to this in so many steps and passes.
    void check(int64_t step, int64_t pass) const;
};

}  // namespace gmc::runtime
