// Describes this machine: everything that a measurement depends on.
#include "runtime/contractions/choice/tuning_machine.h"

#include <fmt/format.h>

#include <fstream>

#include "runtime/contractions/candidate.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/kernels/simd_targets.h"
// Highway's headers come after simd_targets.h.
#include <hwy/targets.h>

namespace gmc::runtime {
namespace {

std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

}  // namespace

std::string tuning_machine() {
    const int64_t targets = hwy::SupportedTargets();
    return fmt::format("{}, {}, oneDNN {}, candidates {}", processor(),
                       hwy::TargetName(targets & -targets), onednn_version(), kCandidatesRevision);
}

/// Highway's better targets have lower bits.
bool restrict_to_avx2() {
    if ((hwy::SupportedTargets() & HWY_AVX2) == 0 || !restrict_onednn_to_avx2()) return false;
    hwy::DisableTargets(HWY_AVX2 - 1);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return true;
}

}  // namespace gmc::runtime
