// Counts what an operation has to do at least: multiplications and additions of a contraction, and
// the bytes of what is read and written, each counted once.
#pragma once

#include "compiler/ir/module.h"

namespace gmc::runtime {

struct Work {
    /// A multiply-add counts as two, and taps in the padding count too. 0 for all but contractions.
    double flops = 0;
    /// A contraction of bf16 numbers.
    bool in_bf16 = false;
    /// Operands and results, each once, whether they come from cache or memory.
    double bytes = 0;
};
Work work_of(const ir::Function& function, const ir::Operation& operation);

}  // namespace gmc::runtime
