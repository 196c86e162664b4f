// The values of schedules, and when a learning rate has come to its end: the schedule leaves so
// little that weights hardly move.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dsl/model_view.h"
#include "dsl/text/expression.h"

namespace gmc::dsl {

/// A value of a number that changes in training, which does not fit.
struct Misfit {
    double value = 0;
    std::string when;  ///< "step 500", "epoch 3.2"
    std::string why;
};

/// Looks at a number over all of training, as far as its length is known: `why` gives "" for values
/// that fit. The first that does not, where the number depends on nothing but step and epoch. Of
/// very many steps some are looked at, with those where schedules and comparisons have corners.
std::optional<Misfit> first_misfit(const ModelView& view, const Expression& e,
                                   const std::function<std::string(double)>& why);

struct RateEnd {
    double after = 0;  ///< so many epochs or steps
    bool in_epochs = true;
    double rate = 0;  ///< from then on
};

/// Where the expression of a learning rate falls to less than 1/100,000 of the most that it is, and
/// stays there: nothing where it does not, and of what it takes more to know than step and epoch.
std::optional<RateEnd> rate_end(const Expression& rate);

}  // namespace gmc::dsl
