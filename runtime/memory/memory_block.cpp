// Allocates large blocks with mmap instead of malloc, so that their alignment and the size of their
// pages are ours to choose.
#include "runtime/memory/memory_block.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>

// Two names for the same question: gcc defines a macro, clang has a feature.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace gmc::runtime {
namespace {

#ifdef MADV_COLLAPSE
constexpr int kCollapse = MADV_COLLAPSE;
#else
constexpr int kCollapse = 25;  // of Linux 6.1, in glibc from 2.37
#endif

/// A huge page that takes longer than this is slow: clearing one takes 0.1 to 0.4 ms; where the
/// host of a virtual machine has to fetch it first, 4 to 5 ms.
constexpr std::chrono::microseconds kQuickHugePage{1000};
/// Whether a huge page was slow: then others will be, too.
std::atomic<bool> huge_pages_are_slow = false;

}  // namespace

/// Fresh pages are zero, and the kernel provides each when it is first touched. So the threads that
/// run our kernels share the work of clearing them, and pages that nothing touches cost nothing.
/// To get the alignment, it maps 2 MB more than needed and gives back what is before and behind.
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
    small_from_ = bytes_;
    // With AddressSanitizer, what lies behind the block is out of bounds although it is mapped.
    ASAN_POISON_MEMORY_REGION(data_.get() + bytes, size - static_cast<size_t>(bytes));
    // Only a wish: kernels without transparent huge pages refuse it, and nothing else changes.
    madvise(data_.get(), size, MADV_HUGEPAGE);
}

void MemoryBlock::touch(int64_t bytes, const std::function<bool()>& stop) {
    for (int64_t at = 0; at < bytes; at += kBlockAlignment) {
        if (at < small_from_ && huge_pages_are_slow) use_small_pages(at);
        if (at >= small_from_ && (!stop || stop())) return;
        const auto begin = std::chrono::steady_clock::now();
        // Linux before 5.14 refuses it, and all stays as it was.
        madvise(data_.get() + at, std::min(kBlockAlignment, bytes - at), MADV_POPULATE_WRITE);
        const auto took = std::chrono::steady_clock::now() - begin;
        if (at < small_from_ && took > kQuickHugePage) huge_pages_are_slow = true;
    }
}

void MemoryBlock::use_small_pages(int64_t at) {
    small_from_ = at;
    madvise(data_.get() + at, align_up(bytes_, kBlockAlignment) - at, MADV_NOHUGEPAGE);
}

bool MemoryBlock::make_huge() {
    if (small_from_ >= bytes_) return false;
    std::byte* page = data_.get() + small_from_;
    small_from_ += kBlockAlignment;
    madvise(page, kBlockAlignment, MADV_HUGEPAGE);
    madvise(page, kBlockAlignment, kCollapse);
    return true;
}

void MemoryBlock::Release::operator()(std::byte* data) const {
    // The next mapping at this address is not poisoned.
    ASAN_UNPOISON_MEMORY_REGION(data, size);
    munmap(data, size);
}

}  // namespace gmc::runtime
