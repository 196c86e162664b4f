// A large block of memory and the size of its pages. Huge pages avoid TLB misses (3 % of a training
// step of a convolutional model). Mostly they are also the quickest to get. But in a virtual
// machine whose host must first find memory for each of them, 150 MB take 0.35 s instead of 7 ms,
// while small pages take 0.05 s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "compiler/support/numbers.h"

namespace gmc::runtime {

/// Alignment of every block, the size of a huge page.
inline constexpr int64_t kBlockAlignment = int64_t{2} << 20;

/// A zero-filled block of memory at a multiple of kBlockAlignment, in huge pages as far as the
/// system grants them, between two guard pages: touching these ends the program at once. Empty
/// blocks have no memory.
class MemoryBlock {
  public:
    MemoryBlock() = default;
    /// Throws std::bad_alloc when there is not that much memory.
    explicit MemoryBlock(int64_t bytes);

    std::byte* data() const { return data_.get(); }
    float* floats(int64_t byte_offset = 0) const {
        return reinterpret_cast<float*>(data_.get() + byte_offset);
    }
    int64_t bytes() const { return bytes_; }

    /// Makes the operating system provide the first `bytes` now; otherwise it provides each page
    /// when it is first written. When a huge page takes long (see kQuickHugePage), the pages after
    /// it will be small ones: these are provided until `stop` returns true, and without `stop` not
    /// at all. Contents stay as they are.
    void touch(int64_t bytes, const std::function<bool()>& stop = nullptr);
    /// From byte `at` on, a multiple of kBlockAlignment, pages that the system has not provided yet
    /// will be small.
    void use_small_pages(int64_t at);
    /// Moves the next 2 MB that are in small pages to a huge page. Contents and addresses stay.
    /// False when no small pages are left. Linux before 6.1 cannot do it at once; there, its thread
    /// khugepaged does it some time later.
    bool make_huge();

  private:
    struct Release {
        size_t size;  ///< of the mapping
        Release() : size(0) {}
        explicit Release(size_t bytes) : size(bytes) {}
        void operator()(std::byte* data) const;
    };
    std::unique_ptr<std::byte, Release> data_;
    int64_t bytes_ = 0;
    int64_t small_from_ = 0;  ///< pages are small from this byte on; bytes_: all are huge
};

}  // namespace gmc::runtime
