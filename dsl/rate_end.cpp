// Looks at the values of a schedule: whatever it is made of, its end shows in them.
#include "dsl/rate_end.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace gmc::dsl {
namespace {

using Value = std::optional<double>;

/// Beyond the end of any training, in steps or epochs.
constexpr double kFar = 1e10;

double half_cosine(double t) { return (1 - std::cos(std::numbers::pi * t)) / 2; }

/// The values of a rate at one time, of which the step or the epoch may not be known.
class AtTime {
  public:
    AtTime(Value step, Value epoch) : step_(step), epoch_(epoch) {}

    Value operator()(const Expression& e) const {
        return value_of(e, [this](const Expression& part) { return known(part); });
    }

  private:
    Value known(const Expression& e) const {
        if (e.kind == Expression::Kind::kName && e.text == "step") return step_;
        if (e.kind == Expression::Kind::kName && e.text == "epoch") return epoch_;
        return e.kind == Expression::Kind::kCall ? schedule(e) : std::nullopt;
    }

    /// The schedules of dsl/lower/calls/call_schedules.cpp.
    Value schedule(const Expression& call) const {
        std::vector<double> x;
        for (const ExpressionPtr& argument : call.arguments) {
            const Value value = (*this)(*argument);
            if (!value) return std::nullopt;
            x.push_back(*value);
        }
        const bool in_steps = !x.empty() && call.arguments.back()->text == "step";
        if (call.text == "warm_up" && x.size() == 2)
            return std::min((x[1] + (in_steps ? 1 : 0)) / x[0], 1.0);
        if (call.text == "one_cycle" && x.size() == 3) {
            const double end = x[1] - (in_steps ? 1 : 0);
            return one_cycle(x[0], std::min(x[2] / end, 1.0),
                             (0.3 * x[1] - (in_steps ? 1 : 0)) / end);
        }
        if (x.size() != 4) return std::nullopt;
        const double t = std::min(x[3] / x[2], 1.0);
        if (call.text == "linear") return x[0] + (x[1] - x[0]) * t;
        if (call.text == "cosine") return x[0] + (x[1] - x[0]) * half_cosine(t);
        if (call.text == "steps") return x[0] * std::pow(x[1], std::floor(x[3] / x[2]));
        return std::nullopt;
    }

    static double one_cycle(double peak, double t, double rising) {
        const double up = half_cosine(std::min(t / rising, 1.0));
        const double down = half_cosine(std::max((t - rising) / (1 - rising), 0.0));
        return peak * (1.0 / 25 + (1 - 1.0 / 25) * up + (1.0 / 250'000 - 1) * down);
    }

    Value step_, epoch_;
};

/// A rate over one of the two times, when the other is far.
class OverTime {
  public:
    OverTime(const Expression& rate, bool in_epochs) : rate_(rate), in_epochs_(in_epochs) {}

    /// NaN where it is not known.
    double operator()(double time) const {
        const AtTime at(in_epochs_ ? kFar : time, in_epochs_ ? time : kFar);
        return at(rate_).value_or(std::nan(""));
    }

    /// The most that it is, as far as a grid of times shows.
    double most() const {
        double most = 0;
        for (double time = 0; time < kFar; time = next(time))
            most = std::max(most, std::abs((*this)(time)));
        return most;
    }

    /// The time from which on it is within `distance` of `value`; nothing where it always is.
    Value stays_from(double value, double distance) const {
        const auto is_near = [&](double time) { return std::abs((*this)(time)-value) <= distance; };
        double away = -1, near = 0;
        for (double time = 0; time < kFar; time = next(time))
            if (!is_near(time)) away = time, near = next(time);
        if (away < 0) return std::nullopt;
        constexpr int kHalvings = 60;
        for (int i = 0; i < kHalvings; ++i) {
            const double middle = (away + near) / 2;
            (is_near(middle) ? near : away) = middle;
        }
        return near;
    }

  private:
    /// Steps of a hundredth of the time; first of a thousandth of an epoch or step.
    static double next(double time) { return time + std::max(time / 100, 1e-3); }

    const Expression& rate_;
    bool in_epochs_;
};

/// 2.9999999 is 3 to a reader.
double rounded(double number) {
    if (number == 0) return 0;
    const double digits = std::pow(10.0, 5 - std::floor(std::log10(std::abs(number))));
    return std::round(number * digits) / digits;
}

}  // namespace

std::optional<double> value_at(const Expression& e, std::optional<double> step,
                               std::optional<double> epoch) {
    return AtTime(step, epoch)(e);
}

/// What swings, as `cyclical` does, is found out by looking at several late times. Where the rate
/// comes to a value and keeps it, as `cosine` does, its end is when it has come there, not shortly
/// before.
std::optional<RateEnd> rate_end(const Expression& rate) {
    constexpr double kShare = 1e-5, kSame = 1e-15, kShortly = 1.02, kBehind = 1.0001;
    if (constant_value(rate)) return std::nullopt;
    for (const bool in_epochs : {true, false}) {
        const OverTime over(rate, in_epochs);
        const double most = over.most(), last = over(kFar);
        if (!(most > 0) || !std::isfinite(most)) continue;
        bool ends = true;
        for (const double late : {0.5, 0.51, 0.637, 0.7313, 0.85217, 1.0})
            ends = ends && std::abs(over(late * kFar)) <= kShare * most;
        const Value small = ends ? over.stays_from(0, kShare * most) : std::nullopt;
        if (!small || !(*small > 0) || *small > kFar / 10) continue;
        const Value same = over.stays_from(last, kSame * most);
        const double after = same && *same <= *small * kShortly ? *same : *small;
        const RateEnd end{rounded(after), in_epochs, rounded(over(after * kBehind))};
        if (std::isfinite(end.after) && std::isfinite(end.rate)) return end;
    }
    return std::nullopt;
}

}  // namespace gmc::dsl
