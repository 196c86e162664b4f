// libFuzzer's entry. It is compiled once per target; GMC_FUZZ_FUNCTION names the function of the
// target.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    gmc::fuzz::GMC_FUZZ_FUNCTION({reinterpret_cast<const char*>(data), size});
    return 0;
}
