// libFuzzer's entry: compiled once per target, of which GMC_FUZZ_FUNCTION is the function.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    gmc::fuzz::GMC_FUZZ_FUNCTION({reinterpret_cast<const char*>(data), size});
    return 0;
}
