// A large block of memory and the size of its pages. Huge pages spare TLB misses (3 % of a step of
// a convolutional model). Mostly they are also the quickest to get, but not in a virtual machine
// whose host must fetch each of them first: there 150 MB take 0.35 s instead of 7 ms, and 0.05 s in
// small pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace gmc::runtime {

/// Alignment of every block, the size of a huge page.
inline constexpr int64_t kBlockAlignment = int64_t{2} << 20;

inline int64_t align_up(int64_t bytes, int64_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/// A zero-filled block of memory at a multiple of kBlockAlignment, in huge pages as far as the
/// kernel grants them. Empty blocks have no memory.
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

    /// Makes the first `bytes` be there, which else happens where they are first written. Where a
    /// huge page comes slowly, all after it are small. Those are touched only until `stop` says so;
    /// without `stop` none are. Contents stay as they are.
    void touch(int64_t bytes, const std::function<bool()>& stop = nullptr);
    /// What is not there yet from byte `at` on, a multiple of kBlockAlignment, comes in small
    /// pages.
    void use_small_pages(int64_t at);
    /// Moves the next 2 MB that lie in small pages to a huge page. Contents and addresses stay.
    /// False when there are none left (or, of Linux before 6.1, none that can be moved at once; its
    /// khugepaged does it in time).
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
    int64_t small_from_ = 0;  ///< from here on pages are small; bytes_ or more: nowhere
};

}  // namespace gmc::runtime
