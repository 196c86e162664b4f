// The values of schedules, and when a learning rate has come to its end: the schedule leaves so
// little that weights hardly move.
#pragma once

#include <optional>

#include "dsl/text/expression.h"

namespace gmc::dsl {

/// The value of a number that changes in training, at a time of which the step or the epoch may be
/// unknown: nothing of what it takes more to know.
std::optional<double> value_at(const Expression& e, std::optional<double> step,
                               std::optional<double> epoch);

struct RateEnd {
    double after = 0;  ///< so many epochs or steps
    bool in_epochs = true;
    double rate = 0;  ///< from then on
};

/// Where the expression of a learning rate falls to less than 1/100,000 of the most that it is, and
/// stays there: nothing where it does not, and of what it takes more to know than step and epoch.
std::optional<RateEnd> rate_end(const Expression& rate);

}  // namespace gmc::dsl
