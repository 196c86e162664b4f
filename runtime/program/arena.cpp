// Allocation of large blocks.
#include "runtime/program/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace gmc::runtime {

MemoryBlock::MemoryBlock(int64_t bytes) : bytes_(bytes) {
    if (bytes <= 0) return;
    const auto size = static_cast<size_t>(align_up(bytes, kBlockAlignment));
    void* data = std::aligned_alloc(kBlockAlignment, size);
    if (data == nullptr) throw std::bad_alloc();
    // Only a wish: kernels without transparent huge pages refuse it, and nothing else changes.
    madvise(data, size, MADV_HUGEPAGE);
    std::memset(data, 0, size);
    data_.reset(static_cast<std::byte*>(data));
}

void MemoryBlock::Release::operator()(std::byte* data) const { std::free(data); }

Arena::Arena(const ir::Module& module) {
    int64_t bytes = 0;
    for (const ir::Function& function : module.functions)
        bytes = std::max(bytes, function.arena_bytes);
    values_ = MemoryBlock(bytes);
}

void Arena::reserve_scratch(int64_t bytes) {
    if (bytes <= scratch_.bytes()) return;
    scratch_ = MemoryBlock();  // both at once could be more than there is
    scratch_ = MemoryBlock(bytes);
}

}  // namespace gmc::runtime
