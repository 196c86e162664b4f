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

/// The instruction sets that kernels may use, which are also those that they are chosen from.
/// Highway's SupportedTargets() leaves out what was disabled in what it gives, but makes kernels
/// choose among all that the processor has: hence the update after each call.
int64_t targets_in_use() {
    const int64_t targets = hwy::SupportedTargets();
    hwy::GetChosenTarget().Update(targets);
    return targets;
}

}  // namespace

std::string tuning_machine() {
    const int64_t targets = targets_in_use();
    return fmt::format("{}, {}, oneDNN {}, candidates {}", processor(),
                       hwy::TargetName(targets & -targets), onednn_version(), kCandidatesRevision);
}

/// Highway's better targets have lower bits.
bool restrict_to_avx2() {
    static const bool restricted = [] {
        if ((targets_in_use() & HWY_AVX2) == 0 || !restrict_onednn_to_avx2()) return false;
        hwy::DisableTargets(HWY_AVX2 - 1);
        targets_in_use();
        return true;
    }();
    return restricted;
}

}  // namespace gmc::runtime
