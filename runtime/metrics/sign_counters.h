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
    double sum = 0, smallest = 0;
    int64_t count = 0;
    /// Those of the last steps, also of earlier epochs; at most kLastMost.
    std::deque<double> last;
    static constexpr size_t kLastMost = 128;
};

struct SignCounters {
    std::map<std::string, FigureHistory> figures;
    double first_loss = 0;  ///< the discriminator's first
    /// How many epochs in a row showed a sign, by its name and subject.
    std::map<std::pair<std::string, std::string>, int64_t> epochs;

    /// As JSON, for a checkpoint; "" while there is nothing.
    std::string to_text() const;
    /// The inverse of to_text. Throws JsonError for what that does not write.
    static SignCounters from_text(const std::string& text);
};

}  // namespace gmc::runtime
