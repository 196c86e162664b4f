// Describes this machine: everything that a measurement depends on.
#include "runtime/contractions/choice/tuning_machine.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "runtime/contractions/candidate.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/kernels/simd_targets.h"
// Highway's headers come after simd_targets.h.
#include <hwy/targets.h>

namespace gmc::runtime {
namespace {

/// What the first processor says under this name in /proc/cpuinfo; "" where it does not.
std::string cpu_info(std::string_view name) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (const size_t colon = line.find(": "); line.starts_with(name) && colon < line.size())
            return line.substr(colon + 2);
    return "";
}

/// Instructions beside Highway's targets for which oneDNN has kernels of its own.
constexpr std::pair<const char*, const char*> kFurther[] = {
    {"avx512_vnni", "vnni"}, {"avx512_bf16", "bf16"},
    {"avx512_fp16", "fp16"}, {"avx_ne_convert", "convert"},
    {"amx_tile", "amx"},     {"sve", "sve"},
    {"sve2", "sve2"},        {"bf16", "bf16"}};

bool is_restricted = false;

/// The instruction sets that kernels may use, which are also those that they are chosen from.
/// Highway's SupportedTargets() leaves out what was disabled in what it gives, but makes kernels
/// choose among all that the processor has: hence the update after each call.
int64_t targets_in_use() {
    const int64_t targets = hwy::SupportedTargets();
    hwy::GetChosenTarget().Update(targets);
    return targets;
}

/// The best of them: better ones have lower bits.
int64_t best_target() {
    const int64_t targets = targets_in_use();
    return targets & -targets;
}

}  // namespace

std::string tuning_machine() {
    return fmt::format("{}, {}, oneDNN {}, candidates {}", processor_name(),
                       hwy::TargetName(best_target()), onednn_version(), kCandidatesRevision);
}

std::string processor_name() {
    const std::string name = cpu_info("model name");
    return name.empty() ? "unknown processor" : name;
}

std::string instruction_set() {
    const int64_t best = best_target();
    std::string set = best <= HWY_AVX3 ? "AVX-512" : hwy::TargetName(best);
    if (is_restricted) return set;
    std::istringstream flags(cpu_info("flags") + " " + cpu_info("Features"));  // x86, arm64
    const std::set<std::string> has{std::istream_iterator<std::string>(flags), {}};
    const char* between = " with ";
    for (const auto& [flag, name] : kFurther)
        if (has.contains(flag)) set += std::exchange(between, ", ") + std::string(name);
    for (const char* limit : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})
        if (const char* value = std::getenv(limit)) set += fmt::format(", {}={}", limit, value);
    return set;
}

std::string kernel_versions() {
#if defined(__aarch64__)
    constexpr const char* kFamily = "arm64";
#else
    constexpr const char* kFamily = "x86-64";
#endif
    return fmt::format("{}, oneDNN {}, candidates {}", kFamily, onednn_version(),
                       kCandidatesRevision);
}

bool has_avx2() { return (targets_in_use() & HWY_AVX2) != 0; }
bool is_restricted_to_avx2() { return is_restricted; }

bool restrict_to_avx2() {
    static const bool restricted = [] {
        if (!has_avx2() || !restrict_onednn_to_avx2()) return false;
        hwy::DisableTargets(HWY_AVX2 - 1);
        targets_in_use();
        return true;
    }();
    is_restricted = restricted;
    return restricted;
}

}  // namespace gmc::runtime
