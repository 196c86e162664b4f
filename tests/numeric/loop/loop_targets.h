// Runs checks on each SIMD target that this machine has, chosen as a smaller machine would choose
// it.
#pragma once

#include "runtime/kernels/simd_targets.h"
// After simd_targets.h, which says which targets are compiled.
#include <hwy/highway.h>

#include <vector>

#include "tests/catch.h"

namespace gmc::tests {

/// Calls check() once per compiled and supported target; kernels that it makes use that target.
template <typename Check>
void for_each_simd_target(const Check& check) {
    const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
    for (int64_t target : targets) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
        INFO("target " << hwy::TargetName(target));
        check();
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace gmc::tests
