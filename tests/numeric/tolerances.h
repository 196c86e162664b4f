// The one table of tolerances of the numeric tests; nothing else in this folder writes an epsilon.
#pragma once

namespace gmc::tests {

/// |a - b| <= relative max(|b|, floor largest |b| of the tensor) + absolute, element by element.
struct Tolerance {
    double relative = 0;
    double floor = 0;
    double absolute = 0;
};

// Gradients in double against central differences. With steps of 2^-10 and one Richardson
// extrapolation the differences are good to about 1e-11 for functions whose fifth derivative is
// near 1.
inline constexpr Tolerance kGradient{1e-6, 1e-3, 1e-9};

// Float kernels against the double reference.
/// Ops that must give the same number, such as uniform random ones.
inline constexpr Tolerance kExact{0, 0, 0};
/// One op at a time: a few units in the last place, and sums of up to some thousand products.
inline constexpr Tolerance kFastOp{1e-6, 0.1, 1e-7};
/// Whole functions of some ten ops, where errors of early ops are carried through later ones.
inline constexpr Tolerance kFastFunction{1e-5, 1, 1e-6};

/// The same with bf16 inside: a last bit of f32 may decide how a number is rounded, and that is
/// carried on.
inline constexpr Tolerance kBf16Function{0.02, 1, 1e-4};
/// A function in bf16 against one in f32.
inline constexpr Tolerance kBf16Rounding{0.1, 1, 1e-3};

/// Two orders of summation, or an algebraic rewrite, of the same function in double.
inline constexpr Tolerance kRewrite{1e-9, 1, 1e-9};

}  // namespace gmc::tests
