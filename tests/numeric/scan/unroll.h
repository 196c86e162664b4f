// A module without scans that computes the same: each pass is written out.
#pragma once

#include "compiler/ir/module.h"

namespace gmc::tests {

/// Every scan of every function, and of its body, written out. Bodies must draw no random numbers,
/// which depend on the pass.
ir::Module unrolled(const ir::Module& module);

}  // namespace gmc::tests
