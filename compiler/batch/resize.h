// Gives a function another number of examples, where batch_axis found its batch.
#pragma once

#include "compiler/batch/batch_axis.h"

namespace gmc {

/// Changes the sizes of `function`, which must be one of `module`, and of the bodies of its scans
/// from `before` to `after` examples. `axes` is what find_batch_axes found; no value has an axis
/// that holds part of a batch. Places in memory are dropped.
void resize(ir::Module& module, ir::Function& function, const BatchAxes& axes, int64_t before,
            int64_t after);

}  // namespace gmc
