// Checks learning rates and decays of weights: numbers that train nothing or too much, and
// schedules that leave what is usual or do not fit the length of training.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "compiler/support/wording.h"
#include "dsl/checks/checks.h"
#include "dsl/model_view.h"
#include "dsl/rate_end.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// What a rate may be over all steps, as far as it is known.
struct Rate {
    double least, most;
    bool whole = true;  ///< false: one of its ends is not known
};

/// For every optimizer: can its rate and its decay work?
class RateChecks {
  public:
    RateChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        for (const MinimizeSpec& entry : view_.spec().objective.minimize)
            if (entry.optimizer) optimizer(*entry.optimizer);
        optimizer(view_.spec().train.optimizer);
        view_.walk_losses([&](const Expression& e) { rise(e, "it"); });
    }

  private:
    void optimizer(const OptimizerSpec& of) {
        for (const NamedExpression& parameter : of.parameters) {
            if (parameter.name == "weight_decay") decay(of, parameter);
            if (parameter.name != "learning_rate") continue;
            const size_t before = diagnostics_.warnings().size();
            rate(of, *parameter.value);
            if (diagnostics_.warnings().size() == before) duration(*parameter.value);
        }
    }

    static bool is_warmed_up(const Expression& e) {
        return e.kind == Kind::kBinary && e.text == "*" && e.arguments[1]->text == "warm_up";
    }

    /// Of a number or a schedule, as far as it is made of numbers.
    std::optional<Rate> rate_of(const Expression& e) const {
        if (const std::optional<double> value = constant_value(e)) return Rate{*value, *value};
        if (is_warmed_up(e)) return rate_of(*e.arguments[0]);
        if (e.kind != Kind::kCall) return std::nullopt;
        const bool two = e.text == "linear" || e.text == "cosine" || e.text == "cyclical";
        if (!two && e.text != "steps" && e.text != "one_cycle") return std::nullopt;
        std::optional<Rate> out;
        bool whole = true;
        for (size_t i = 0; i < (two ? 2 : 1) && i < e.arguments.size(); ++i) {
            const std::optional<double> value = constant_value(*e.arguments[i]);
            whole &= value.has_value();
            if (!value) continue;
            out = out ? Rate{std::min(out->least, *value), std::max(out->most, *value)}
                      : Rate{*value, *value};
        }
        if (out) out->whole = whole;
        return out;
    }

    /// Warns about learning rates of 0, below 0, near the size of the weights, far below it, or
    /// lost in rounding. Adam and its relatives move a weight by about the learning rate in each
    /// step, however small the gradient, and weights begin well below 1. With sgd the step is the
    /// gradient times the rate, so a larger or smaller rate may be right.
    void rate(const OptimizerSpec& of, const Expression& e) {
        constexpr double kMost = 0.1, kMostSgd = 10, kLost = 1e-9, kLeast = 1e-7;
        constexpr double kRounding = 3e-9;  // of a weight of 0.05
        const bool sgd = of.kind == "sgd";
        if (grows(e)) return;
        const std::optional<Rate> found = rate_of(e);
        if (!found) return falls_below_0(e);
        const double value = found->least < 0 ? found->least : found->most;
        std::string what;
        if (value < 0)
            what = "makes the loss larger";
        else if (value == 0 && found->whole)
            what = "trains nothing";
        else if (value > 0 && value < kLost && !sgd)
            what = "is lost in the rounding of the weights";
        else if (value > 0 && value < kLeast && sgd)
            what = fmt::format(
                "is lost in the rounding of the weights, unless gradients are above "
                "about {:.2g}",
                kRounding / value);
        else if (value > 0 && value < kLeast && !sgd)
            what = fmt::format("moves no weight by more than about {:.3g} in 1000 steps",
                               1000 * value);
        else if (value >= kMost && !sgd)
            what = fmt::format("moves every weight by about {} in each step", value);
        else if (value >= kMostSgd)
            what = "makes steps larger than the weights, unless gradients are tiny";
        if (what.empty()) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, e.span, "a learning rate of {} {}", value, what)
            .help(sgd ? "usual are 1e-3 to 1e-1" : "usual are 1e-4 to 1e-3");
    }

    /// An expression that is no schedule, at some time of training. What is not finite is told by
    /// those who compute it.
    void falls_below_0(const Expression& e) {
        const auto odd = first_misfit(view_, e, [](double rate) {
            return rate < 0 && std::isfinite(rate) ? std::string("below 0") : std::string();
        });
        if (!odd) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, e.span,
                     "the learning rate is {:.3g} in {}, which makes the loss larger", odd->value,
                     odd->when)
            .help("`max(..., 0)` keeps it from falling below 0");
    }

    /// A `step` schedule with a factor above 1.
    bool grows(const Expression& e) {
        const Expression& schedule = is_warmed_up(e) ? *e.arguments[0] : e;
        if (schedule.kind != Kind::kCall || schedule.text != "steps" ||
            schedule.arguments.size() < 2)
            return false;
        const std::optional<double> factor = constant_value(*schedule.arguments[1]);
        if (!factor || *factor <= 1) return false;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, schedule.arguments[1]->span,
                     "a learning rate that is multiplied by {} again and again grows without end",
                     *factor)
            .help(fmt::format("one that falls has a factor below 1, such as {:.3g}", 1 / *factor));
        return true;
    }

    /// Warns about a schedule from 0 that goes on after the end of training, so that most of what
    /// it rises to is never reached. Says which part of it is.
    void rise(const Expression& e, const char* what) {
        const auto epochs = static_cast<double>(view_.spec().train.epochs);
        if (e.kind != Kind::kCall || e.arguments.size() != 4 ||
            (e.text != "linear" && e.text != "cosine") || e.arguments[3]->text != "epoch")
            return;
        const std::optional<double> from = constant_value(*e.arguments[0]),
                                    to = constant_value(*e.arguments[1]),
                                    over = constant_value(*e.arguments[2]);
        if (!from || !to || !over || *from != 0 || *to <= 0 || *over <= epochs) return;
        if (!risen_.insert({e.span.file, e.span.line, e.span.column}).second) return;
        const double part = epochs / *over;
        const double reached =
            *to * (e.text == "linear" ? part : (1 - std::cos(std::acos(-1.0) * part)) / 2);
        diagnostics_
            .warning(DiagnosticKind::kBadValue, e.span,
                     "`{}` rises over {}, but training ends after {}: {} reaches {:.3g} of {:.3g}",
                     e.text, counted(*over, "epoch"), epochs, what, reached, *to)
            .help(fmt::format("`over: {}` ends with training", counted(epochs, "epoch")));
    }

    /// An epoch has at least one step.
    void duration(const Expression& e) {
        const auto epochs = static_cast<double>(view_.spec().train.epochs);
        if (is_warmed_up(e) && e.arguments[1]->arguments.size() == 2) {
            const Expression& warm_up = *e.arguments[1];
            const std::optional<double> over = constant_value(*warm_up.arguments[0]);
            if (over && warm_up.arguments[1]->text == "epoch" && *over > epochs)
                diagnostics_
                    .warning(DiagnosticKind::kBadValue, warm_up.span,
                             "`warm_up` takes {}, but training ends after {}: the learning rate "
                             "never becomes what is written",
                             counted(*over, "epoch"), epochs)
                    .help("usual is a part of the first epochs, in steps: `warm_up: 500 steps`");
        }
        const Expression& schedule = is_warmed_up(e) ? *e.arguments[0] : e;
        rise(schedule, "the learning rate");
        const std::optional<RateEnd> end = rate_end(e);
        if (!end || end->after >= epochs) return;
        const std::string when = counted(end->after, end->in_epochs ? "epoch" : "step");
        const std::string whole = counted(epochs, "epoch");
        const std::string& by = schedule.text;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, schedule.span,
                     "the learning rate is {:.3g} after {}, but training goes on for {}, in which "
                     "{}",
                     end->rate, when, whole,
                     end->rate == 0 ? "nothing is trained"
                                    : "a step moves weights at most a 100,000th of what it does "
                                      "at the highest rate")
            .help(by == "linear" || by == "cosine"
                      ? fmt::format("`over: {}`, or a `to` above 0", whole)
                  : by == "one_cycle" ? fmt::format("`over: {}`", whole)
                  : by == "steps"     ? "a larger `every`, or a `factor` that is nearer to 1"
                                      : "a schedule that falls more slowly");
    }

    /// The decay shrinks the weights by learning_rate * weight_decay of themselves in a step: by
    /// more than all of them they change their signs, by more than twice that they grow. Of two
    /// schedules the highest values need not meet.
    void decay(const OptimizerSpec& optimizer, const NamedExpression& parameter) {
        const std::optional<Rate> decay = rate_of(*parameter.value);
        if (!decay || !decay->whole) return;
        const bool is_constant = constant_value(*parameter.value).has_value();
        double rate = 0;
        for (const NamedExpression& other : optimizer.parameters)
            if (const auto found = rate_of(*other.value); other.name == "learning_rate" && found)
                if (is_constant || constant_value(*other.value)) rate = found->most;
        const bool is_adamw = optimizer.kind == "adamw";
        const double share = rate * decay->most;
        std::string what;
        if (share > 1)
            what = fmt::format(
                "a weight decay of {} at a learning rate of {} takes {:.3g} times the weights away "
                "in a step: they change their signs{}",
                decay->most, rate, share,
                share > 2    ? " and grow"
                : share == 2 ? " and never shrink"
                             : "");
        else if (decay->least >= (is_adamw ? 10 : 1))
            what =
                fmt::format("a weight decay of {} keeps the weights near 0, whatever the loss says",
                            decay->least);
        if (what.empty()) return;
        diagnostics_.warning(DiagnosticKind::kBadValue, parameter.value->span, "{}", what)
            .help(is_adamw ? "usual are 1e-3 to 1e-1" : "usual are 1e-5 to 1e-3");
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<std::array<uint32_t, 3>> risen_;  ///< schedules that were reported, by their places
};

}  // namespace

void check_rates(const ModelView& view, Diagnostics& diagnostics) {
    RateChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl
