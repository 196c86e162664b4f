// GMC_TEST_ISA=avx2 makes this program test what a processor without AVX-512 would compute with.
#include <cstdlib>
#include <string_view>

#include "compiler/support/check.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/kernels/simd_targets.h"
#include "tests/catch.h"
// Highway's headers come after simd_targets.h.
#include <hwy/targets.h>

namespace {

/// Before any test, because oneDNN must not have been used.
const bool restricted = [] {
    const char* wanted = std::getenv("GMC_TEST_ISA");
    if (wanted == nullptr) return false;
    GMC_CHECK(std::string_view(wanted) == "avx2", "GMC_TEST_ISA is avx2, not {}", wanted);
    if (!gmc::runtime::restrict_to_avx2()) std::exit(77);  // ctest says "skipped"
    return true;
}();

}  // namespace

TEST_CASE("kernels stay restricted to AVX2 when the machine is asked for its name") {
    if (!restricted) return;
    const size_t target = hwy::GetChosenTarget().GetIndex();
    CHECK(gmc::runtime::tuning_machine().find("AVX2,") != std::string::npos);
    CHECK(hwy::GetChosenTarget().GetIndex() == target);
    CHECK(gmc::runtime::restrict_to_avx2());
}
