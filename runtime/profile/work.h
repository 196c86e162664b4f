// How much an operation has to do at least: multiplications and additions of a contraction, bytes
// of everything that is read and written once.
#pragma once

#include "compiler/ir/module.h"

namespace gmc::runtime {

struct Work {
    /// A multiply-add counts as two, taps in the padding count too; 0 for all but contractions.
    double flops = 0;
    bool in_bf16 = false;  ///< a contraction of bf16 numbers
    /// Operands and results, each once, wherever they are found (cache or memory).
    double bytes = 0;
};
Work work_of(const ir::Function& function, const ir::Operation& operation);

}  // namespace gmc::runtime
