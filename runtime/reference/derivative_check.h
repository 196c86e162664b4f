// Is a claimed derivative the slope of a function? Central differences with steps of several sizes,
// which tell a wrong claim from rounding and from kinks.
#pragma once

#include <functional>

namespace gmc::runtime {

struct DerivativeCheck {
    enum class Verdict {
        kAgrees,
        kFlat,  ///< the slope is too small beside the function's value to be measured
        kKink,  ///< there is no derivative: the slopes of both sides differ, or the value jumps
        kDisagrees,  ///< none of that: the claim is wrong
    };
    Verdict verdict = Verdict::kFlat;
    double claimed = 0;
    double measured = 0;  ///< the central difference that came nearest
    double error = 0;     ///< relative; beyond the bound, what rounding can explain is taken off
};

/// What is known before anything is measured.
struct DerivativeClaim {
    double value = 0;  ///< the derivative at 0, as claimed
    /// Its usual size: the error is relative to this where the derivative is smaller.
    double scale = 0;
    double magnitude = 0;  ///< of the terms that f adds up: it limits how precisely f is known
};

/// Checks f'(0) == claim.value up to a relative error of `bound`. t is to be scaled so that a
/// change of 1 is a large one. Steps h of 1e-5 (the best for a smooth function in double) down to
/// 1e-8 (so that a kink near 0 is outside of it) and up to 1e-3 (for small slopes) are tried until
/// one agrees; at most 13 evaluations of f, and 2 where the claim is right at once. The rounding
/// error of f is taken to be 16 units in the last place of `magnitude` or of f, whichever is
/// larger.
DerivativeCheck check_derivative(const std::function<double(double)>& f,
                                 const DerivativeClaim& claim, double bound);

}  // namespace gmc::runtime
