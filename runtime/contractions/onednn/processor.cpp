// Asks oneDNN about the processor and its version.
#include "runtime/contractions/onednn/processor.h"

#include "runtime/contractions/onednn/compat.h"

namespace gmc::runtime {

bool processor_has_bf16() {
    constexpr auto kNeeded = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kNeeded) == kNeeded;
}

bool restrict_onednn_to_avx2() {
    return dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2) == dnnl::status::success;
}

std::string onednn_version() { return compat::library_version(); }

}  // namespace gmc::runtime
