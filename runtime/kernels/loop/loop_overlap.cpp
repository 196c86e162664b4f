// Checks the memory of a loop's results against that of its operands and of each other. It compares
// all pairs; a loop has a few operands.
#include "runtime/kernels/loop/loop_overlap.h"

#include "compiler/support/check.h"

namespace gmc::runtime {

void OverlapCheck::check(std::string_view op, std::string_view result) const {
    for (const MemoryRange& written : written_) {
        for (const MemoryRange& read : read_) {
            const bool in_place = written.whole_space && read.whole_space &&
                                  written.base == read.base && written.bytes == read.bytes;
            GMC_CHECK(in_place || !written.overlaps(read),
                      "a result overlaps an operand of `{}` in %{}", op, result);
        }
        for (const MemoryRange& other : written_)
            GMC_CHECK(&other == &written || !written.overlaps(other),
                      "two results of `{}` in %{} overlap", op, result);
    }
}

}  // namespace gmc::runtime
