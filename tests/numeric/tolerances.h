// The one table of tolerances of the numeric tests. No other file of this folder has an epsilon.
#pragma once

namespace gmc::tests {

/// Holds when |a - b| <= relative * max(|b|, floor * largest |b| of the tensor) + absolute, for
/// each element.
struct Tolerance {
    double relative = 0;
    double floor = 0;
    double absolute = 0;
};

// Gradients in double against central differences. With steps of 2^-10 and one Richardson
// extrapolation, differences have errors of about 1e-11 for functions whose fifth derivative is
// near 1.
inline constexpr Tolerance kGradient{1e-6, 1e-3, 1e-9};

/// Gradients against plain central differences with steps of 1e-4.
inline constexpr Tolerance kSlope{1e-4, 1, 1e-6};

// Float kernels against the double reference.
/// For ops that have to give the same numbers, such as uniform random ones.
inline constexpr Tolerance kExact{0, 0, 0};
/// For single ops: a few units in the last place, and sums of up to some thousand products.
inline constexpr Tolerance kFastOp{1e-6, 0.1, 1e-7};
/// For functions of about ten ops, where later ops carry on the errors of earlier ones.
inline constexpr Tolerance kFastFunction{1e-5, 1, 1e-6};

/// The same with bf16 inside: the last bit of an f32 may decide how a number is rounded to bf16,
/// and later ops carry that on.
inline constexpr Tolerance kBf16Function{0.02, 1, 1e-4};
/// For a function in bf16 against the same one in f32.
inline constexpr Tolerance kBf16Rounding{0.1, 1, 1e-3};

/// For two orders of summation, or an algebraic rewrite, of the same function in double.
inline constexpr Tolerance kRewrite{1e-9, 1, 1e-9};

}  // namespace gmc::tests
