// Puts a stop_gradient behind a bias that a subtracted mean takes out again, so that no gradient is
// computed for it.
//
// Why here: before differentiate. The derivative by such a bias is 0, but would be computed as
// noise: sums of numbers that cancel up to rounding, which Adam would blow up to whole steps.
// How: where `x + bias` is normalised over all axes but the bias's, the pass follows what a shift
// of the bias does to each value: nothing, adding a multiple of the shift, or something else.
// Through sums, differences, multiples and means this stays known; a variance, mean(a a) - mean(a)
// mean(a), does not change. When no scalar that is differentiated changes, the bias gets the
// derivative 0. It stays a parameter: it moves the running mean, and decays where weights decay.
// Requires: nothing. Ensures: nothing but ops with the same values.
//
//     %b = broadcast @bias {dims=[1]} : f32[8,4]        %0 = stop_gradient @bias : f32[4]
//     %y = add %x, %b : f32[8,4]  (then batch     ->    %b = broadcast %0 {dims=[1]} : f32[8,4]
//                                 norm of %y)           %y = add %x, %b : f32[8,4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> cancel_shifts(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
