// Allocates large blocks with mmap instead of malloc, so that we can choose their alignment and the
// size of their pages.
#include "runtime/memory/memory_block.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>

#include "runtime/memory/address_sanitizer.h"

namespace gmc::runtime {
namespace {

#ifdef MADV_COLLAPSE
constexpr int kCollapse = MADV_COLLAPSE;
#else
constexpr int kCollapse = 25;  // known to Linux from 6.1, to glibc from 2.37
#endif

/// A huge page that takes longer than this is slow: clearing one takes 0.1 to 0.4 ms; where the
/// host of a virtual machine has to fetch it first, 4 to 5 ms.
constexpr std::chrono::microseconds kQuickHugePage{1000};
/// Whether a huge page was slow: then others will be, too.
std::atomic<bool> huge_pages_are_slow = false;

size_t page_bytes() {
    static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

/// Fresh pages are zero, and the kernel provides each when it is first touched. So the threads that
/// run our kernels share the work of clearing them, and pages that nothing touches cost nothing.
/// To get the alignment, it maps 2 MB more than needed and gives back what is before and behind.
MemoryBlock::MemoryBlock(int64_t bytes) : bytes_(std::max<int64_t>(bytes, 0)) {
    if (bytes <= 0) return;
    const auto size = static_cast<size_t>(align_up(bytes, kBlockAlignment));
    const size_t guard = page_bytes(), mapped = size + kBlockAlignment + 2 * guard;
    void* found = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    // The block lies between two guard pages; what is mapped around these is given back.
    auto* begin = static_cast<std::byte*>(found);
    const uintptr_t first = reinterpret_cast<uintptr_t>(found) + guard;
    const size_t before = (kBlockAlignment - first % kBlockAlignment) % kBlockAlignment;
    if (before > 0) munmap(begin, before);
    std::byte* const data = begin + before + guard;
    munmap(data + size + guard, mapped - before - size - 2 * guard);
    if (mprotect(data, size, PROT_READ | PROT_WRITE) != 0) {
        munmap(data - guard, size + 2 * guard);
        throw std::bad_alloc();
    }
    data_ = {data, Release(size)};
    small_from_ = bytes_;
    // The rest of the last 2 MB is mapped, but it is not part of the block.
    forbid_access(data_.get() + bytes, size - static_cast<size_t>(bytes));
    // A wish only: a Linux without transparent huge pages refuses it, and the pages are small.
    madvise(data_.get(), size, MADV_HUGEPAGE);
}

void MemoryBlock::touch(int64_t bytes, const std::function<bool()>& stop) {
    for (int64_t at = 0; at < bytes; at += kBlockAlignment) {
        if (at < small_from_ && huge_pages_are_slow) use_small_pages(at);
        if (at >= small_from_ && (!stop || stop())) return;
        const auto begin = std::chrono::steady_clock::now();
        // Linux before 5.14 refuses it; then each page is provided when it is first written.
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
    allow_access(data, size);  // for whatever is mapped at this address next
    munmap(data - page_bytes(), size + 2 * page_bytes());
}

}  // namespace gmc::runtime
