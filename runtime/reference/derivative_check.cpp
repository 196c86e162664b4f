// Compares a claimed derivative with differences. Steps of several sizes ("rungs" of a ladder) are
// tried. When none agrees, the reason is told from how the differences change with the step.
#include "runtime/reference/derivative_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gmc::runtime {
namespace {

using Verdict = DerivativeCheck::Verdict;

/// The most precise first, then smaller ones against kinks, and larger ones against rounding.
constexpr double kSteps[] = {1e-5, 1e-6, 1e-7, 1e-4, 1e-3, 1e-8};
/// The two steps of kSteps at which the slopes of the left and the right side are compared.
constexpr size_t kWide = 0, kNarrow = 2;
constexpr double kRounding = 16 * std::numeric_limits<double>::epsilon();
/// A difference is used when its rounding error is at most this fraction of the slope.
constexpr double kMostNoise = 0.01;

/// What was measured with one step h: f(h), f(-h), the slope between them, and the slope that
/// rounding alone may make.
struct Rung {
    double above = 0, below = 0, slope = 0, noise = 0;
};

/// Whether f has no derivative at 0. When the step shrinks a hundredfold, the difference
/// between the slopes of both sides shrinks as much where f is smooth, but stays at a kink, and
/// grows at a jump.
bool is_kink(const std::vector<Rung>& rungs, double here, double claimed, double tolerance) {
    const auto right = [&](size_t i) { return (rungs[i].above - here) / kSteps[i]; };
    const auto left = [&](size_t i) { return (here - rungs[i].below) / kSteps[i]; };
    const double wide = std::abs(right(kWide) - left(kWide));
    const double narrow = std::abs(right(kNarrow) - left(kNarrow));
    if (narrow <= tolerance + 10 * rungs[kNarrow].noise || narrow < 0.1 * wide) return false;
    if (narrow > 10 * wide) return true;  // grows as 1 / h: the value jumps
    const double slack = tolerance + rungs[kNarrow].noise;
    return claimed >= std::min(right(kNarrow), left(kNarrow)) - slack &&
           claimed <= std::max(right(kNarrow), left(kNarrow)) + slack;
}

/// Whether only the wide steps disagree with the claim, because they reach over a kink: a narrow
/// step, precise enough to show a slope of `size`, agrees with the claim up to its noise. This
/// happens where the claim is 0: compared with so small a slope, the narrow steps looked too noisy
/// to be used.
bool is_beyond_a_kink(const std::vector<Rung>& rungs, double claimed, double size) {
    return std::any_of(rungs.begin(), rungs.begin() + kNarrow + 1, [&](const Rung& rung) {
        return std::abs(rung.slope - claimed) <= rung.noise && rung.noise <= kMostNoise * size;
    });
}

}  // namespace

/// For each step in turn: measures the slope, ignores it where rounding hides it, and returns when
/// it agrees with the claim. Only when no step agrees is the reason looked for: nothing could be
/// measured, a kink is near, or the claim is wrong.
DerivativeCheck check_derivative(const std::function<double(double)>& f,
                                 const DerivativeClaim& claim, double bound) {
    DerivativeCheck best;
    best.claimed = claim.value;
    best.error = std::numeric_limits<double>::infinity();
    std::vector<Rung> rungs;
    bool measurable = false;
    double size = 0;
    for (const double h : kSteps) {
        Rung rung{f(h), f(-h)};
        const double slope = rung.slope = (rung.above - rung.below) / (2 * h);
        const double magnitude =
            std::max({claim.magnitude, std::abs(rung.above), std::abs(rung.below)});
        rung.noise = kRounding * magnitude / h;
        rungs.push_back(rung);
        if (!std::isfinite(slope) || !std::isfinite(claim.value)) {
            best.verdict = Verdict::kDisagrees;
            best.measured = slope;
            return best;
        }
        size = std::max({std::abs(claim.value), std::abs(slope), claim.scale});
        // A loss that is exactly 0 has neither a size nor noise.
        if (size == 0 || rung.noise > kMostNoise * size) continue;
        measurable = true;
        const double all = std::abs(slope - claim.value);
        const double error = (all <= bound * size ? all : std::max(all - rung.noise, 0.0)) / size;
        if (error < best.error) {
            best.error = error;
            best.measured = slope;
        }
        if (error > bound) continue;
        best.verdict = Verdict::kAgrees;
        return best;
    }
    if (!measurable) {
        best.error = 0;
        best.verdict = Verdict::kFlat;
        return best;
    }
    size = std::max({std::abs(claim.value), std::abs(best.measured), claim.scale});
    if (is_beyond_a_kink(rungs, claim.value, size)) {
        best.measured = claim.value;
        best.error = 0;
        best.verdict = Verdict::kAgrees;
        return best;
    }
    best.verdict =
        is_kink(rungs, f(0), claim.value, bound * size) ? Verdict::kKink : Verdict::kDisagrees;
    return best;
}

}  // namespace gmc::runtime
