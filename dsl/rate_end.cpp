// Looks at the values of a schedule: whatever it is made of, its end shows in them.
#include "dsl/rate_end.h"

#include <fmt/format.h>

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
    /// With `view`, entries of `let` and definitions are known, and `cyclical`.
    AtTime(Value step, Value epoch, const ModelView* view = nullptr)
        : step_(step), epoch_(epoch), view_(view) {}

    Value operator()(const Expression& e) const {
        return value_of(e, [this](const Expression& part) { return known(part); });
    }

  private:
    Value known(const Expression& e) const {
        if (e.kind == Expression::Kind::kName && e.text == "step") return step_;
        if (e.kind == Expression::Kind::kName && e.text == "epoch") return epoch_;
        if (view_ != nullptr)
            if (const Expression& meant = view_->resolved(e); &meant != &e) return (*this)(meant);
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
        if (call.text == "cyclical" && x.size() == 5 && view_ != nullptr) {
            const double cycles = x[4] / x[3];
            return x[0] + (x[1] - x[0]) * std::min((cycles - std::floor(cycles)) / x[2], 1.0);
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
    const ModelView* view_;
};

/// How long training lasts. Of steps as many as there are at least; 0 of an epoch where that is not
/// known.
struct Length {
    double epochs = 0, steps_of_epoch = 0;
    double steps() const { return std::max({epochs * steps_of_epoch, epochs, 2.0}); }
};

/// What is kept out of training is drawn by lot, and may be a little more than its share. A step
/// takes one batch for all entries of `minimize`, unless one of them takes several.
Length length_of(const ModelSpec& spec) {
    double examples = 0, batches = 0;
    for (const DataField& field : spec.data)
        if (examples == 0 && !field.own_order) examples = static_cast<double>(field.examples);
    const double share = spec.train.validate_share;
    examples -= share * examples + 4 * std::sqrt(share * (1 - share) * examples);
    const auto& entries = spec.objective.minimize;
    const bool apart = std::any_of(entries.begin(), entries.end(), [&](const MinimizeSpec& entry) {
        return entry.repeat != 1 || (entry.accumulate > 1 && !spec.objective.simultaneous);
    });
    for (const MinimizeSpec& entry : entries)
        if (apart || batches == 0) batches += static_cast<double>(entry.repeat * entry.accumulate);
    if (spec.objective.extragradient) batches *= 2;
    const double rounds =
        std::floor(examples / static_cast<double>(spec.train.batch_size)) / std::max(batches, 1.0);
    return {static_cast<double>(spec.train.epochs), std::max(rounds, 0.0)};
}

/// Times from 0 to `end` at which a number is looked at, in order: as many as `most` at equal
/// distances, and those around its constants and their multiples, where schedules have corners.
std::vector<double> times_of(const std::vector<double>& constants, double end, bool whole) {
    constexpr double kMost = 1024;
    constexpr int kMultiples = 64;
    std::vector<double> times{0, end};
    const double apart = whole ? std::max(1.0, end / kMost) : end / kMost;
    for (double time = 0; time < end; time += apart) times.push_back(time);
    for (const double constant : constants)
        for (int k = 1; k <= kMultiples && constant > 0; ++k)
            for (const double beside : {-1.0, 0.0, 1.0})
                times.push_back(k * constant + beside * (whole ? 1 : constant / 1024));
    for (double& time : times) time = whole ? std::floor(time) : time;
    std::erase_if(times, [end](double time) { return !(time >= 0 && time <= end); });
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    return times;
}

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

/// What does not name the step is looked at over epochs. Between a time that fits and the next one
/// that does not, halving finds the first.
std::optional<Misfit> first_misfit(const ModelView& view, const Expression& e,
                                   const std::function<std::string(double)>& why) {
    const Length length = length_of(view.spec());
    bool in_steps = false;
    std::vector<double> constants;
    view.walk(e, [&](const Expression& part) {
        if (part.kind == Expression::Kind::kName && part.text == "step") in_steps = true;
        if (part.kind != Expression::Kind::kNumber) return;
        constants.push_back(std::abs(part.number));
    });
    if (in_steps && length.steps_of_epoch > 0)  // those that are counted in epochs
        for (size_t i = constants.size(); i-- > 0;)
            constants.push_back(constants[i] * length.steps_of_epoch);
    const auto value = [&](double time) {
        const Value step = in_steps ? Value(time) : std::nullopt;
        const Value epoch = !in_steps                   ? Value(time)
                            : length.steps_of_epoch > 0 ? Value(time / length.steps_of_epoch)
                            : time == 0                 ? Value(0)
                                                        : std::nullopt;
        return AtTime(step, epoch, &view)(e);
    };
    const auto fits = [&](double time) {
        const Value is = value(time);
        return !is || why(*is).empty();
    };
    const double end = in_steps ? std::ceil(length.steps()) - 1 : length.epochs * (1 - 1e-9);
    double before = 0;
    for (double time : times_of(constants, end, in_steps)) {
        if (fits(time)) {
            before = time;
            continue;
        }
        constexpr int kHalvings = 40;
        for (int i = 0; i < kHalvings && before < time; ++i) {
            double middle = (before + time) / 2;
            if (in_steps) middle = std::floor(middle);
            if (middle == before) break;
            (fits(middle) ? before : time) = middle;
        }
        const double is = *value(time);
        return Misfit{is,
                      in_steps ? fmt::format("step {}", time) : fmt::format("epoch {:.4g}", time),
                      why(is)};
    }
    return std::nullopt;
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
