// libFuzzer's entry: compiled once per target, which GMC_FUZZ_TARGET names.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const gmc::fuzz::Target* target = [] {
        for (const gmc::fuzz::Target& one : gmc::fuzz::targets())
            if (one.name == GMC_FUZZ_TARGET) return &one;
        std::fprintf(stderr, "no target `%s`\n", GMC_FUZZ_TARGET);
        std::abort();
    }();
    target->run({reinterpret_cast<const char*>(data), size});
    return 0;
}
