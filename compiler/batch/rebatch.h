// Rewrites a compiled function for another number of examples.
//
// Why: a .gmc holds functions for the batch size of training. Who wants one sample must not pay
// for 128.
// How: the batch is followed from the inputs through the function. Of each value it is found which
// axis counts examples, and how often the batch fits into that axis: reshapes merge axes and
// concatenations repeat the batch, so an axis of 6272 may be 128 examples of 49 pixels. Then the
// sizes are replaced, and the memory is planned anew. The operations, their order and their fusion
// stay as they are.
// What is refused: a function in which examples depend on each other (a sum over them, a statistic
// of the batch), that draws random numbers itself (they are numbered by element of the whole
// batch), that updates states, or of which a result has no row per example.
//
//     func @sample(%z: f32[128,20] = normal) {       func @sample(%z: f32[1,20] = normal) {
//       %y = matmul %z, @w : f32[128,784]       ->     %y = matmul %z, @w : f32[1,784]
//       result sample = %y                             result sample = %y
//     }                                              }
#pragma once

#include <optional>
#include <string>

#include "compiler/ir/module.h"

namespace gmc {

/// `function`, which must be one of `module` and planned, for `rows` examples (at least 1) in place
/// of module.training->batch_size: a module with the states of `module` and that function alone,
/// behind the bodies of its scans. None where that cannot be done: then `why` says why, as a
/// clause: "`reduce_sum` at models/a.yaml:3:4 adds up examples".
std::optional<ir::Module> rebatch(const ir::Module& module, const ir::Function& function,
                                  int64_t rows, std::string& why);

/// Whether what `function` computes for an example may depend on the other examples of its batch.
bool couples_examples(const ir::Module& module, const ir::Function& function);

}  // namespace gmc
