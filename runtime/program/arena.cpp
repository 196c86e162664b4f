// Allocation of large blocks.
#include "runtime/program/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace gmc::runtime {

/// Fresh pages are zero, and are there only once they are touched: threads that run the kernels
/// share the work of clearing them, and what nothing touches costs nothing.
MemoryBlock::MemoryBlock(int64_t bytes) : bytes_(std::max<int64_t>(bytes, 0)) {
    if (bytes <= 0) return;
    const auto size = static_cast<size_t>(align_up(bytes, kBlockAlignment));
    const size_t mapped = size + kBlockAlignment;
    void* found = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    auto* begin = static_cast<std::byte*>(found);
    const auto address = reinterpret_cast<uintptr_t>(found);
    const size_t before = (kBlockAlignment - address % kBlockAlignment) % kBlockAlignment;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + size, mapped - before - size);
    data_ = {begin + before, Release(size)};
    // Only a wish: kernels without transparent huge pages refuse it, and nothing else changes.
    madvise(data_.get(), size, MADV_HUGEPAGE);
}

bool MemoryBlock::touch(int64_t bytes, const std::function<bool()>& stop) const {
    constexpr int64_t kPieceBytes = 4 * kBlockAlignment;
    for (int64_t at = 0; at < bytes; at += kPieceBytes) {
        if (stop()) return false;
        // Older kernels refuse it, too.
        const auto piece = static_cast<size_t>(std::min(kPieceBytes, bytes - at));
        madvise(data_.get() + at, piece, MADV_POPULATE_WRITE);
    }
    return true;
}

void MemoryBlock::Release::operator()(std::byte* data) const { munmap(data, size); }

Arena::Arena(const ir::Module& module) {
    int64_t bytes = 0;
    for (const ir::Function& function : module.functions)
        bytes = std::max(bytes, function.arena_bytes);
    values_ = MemoryBlock(bytes);
}

void Arena::touch(int64_t bytes, const std::function<bool()>& stop) const {
    if (values_.touch(bytes, stop)) scratch_.touch(scratch_.bytes(), stop);
}

void Arena::reserve_scratch(int64_t bytes) {
    if (bytes <= scratch_.bytes()) return;
    scratch_ = MemoryBlock();  // both at once could be more than there is
    scratch_ = MemoryBlock(bytes);
}

}  // namespace gmc::runtime
