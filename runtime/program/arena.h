// Memory that all functions of a module share: one block for values that plan_memory placed, and
// one for what kernels need only while they run. Both start at 2 MB and ask for huge pages, which
// spares most TLB misses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// Alignment of every block, the size of a huge page.
inline constexpr int64_t kBlockAlignment = int64_t{2} << 20;
/// Alignment of every tensor within a block: a cache line and an AVX-512 register.
inline constexpr int64_t kTensorAlignment = 64;

inline int64_t align_up(int64_t bytes, int64_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/// A zero-filled block of memory at a multiple of kBlockAlignment. Empty blocks have no memory.
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
    /// As Arena::touch; false when it ended early.
    bool touch(int64_t bytes, const std::function<bool()>& stop) const;

  private:
    struct Release {
        size_t size;  ///< of the mapping
        Release() : size(0) {}
        explicit Release(size_t bytes) : size(bytes) {}
        void operator()(std::byte* data) const;
    };
    std::unique_ptr<std::byte, Release> data_;
    int64_t bytes_ = 0;
};

/// What the executables of one module share. They must not run at the same time.
class Arena {
  public:
    /// A block for the largest planned function of `module`; none when no function is planned.
    explicit Arena(const ir::Module& module);

    float* at(int64_t byte_offset) const { return values_.floats(byte_offset); }
    int64_t bytes() const { return values_.bytes(); }
    /// Makes the first `bytes` of the values and the scratch block be there, which else happens where
    /// they are first written. Contents stay as they are. Ends early when `stop` says so.
    void touch(int64_t bytes, const std::function<bool()>& stop) const;

    /// Scratch memory of at least `bytes`, for binding: what scratch() returns may move, its
    /// content is lost.
    void reserve_scratch(int64_t bytes);
    /// The scratch block as it is now. Kernels ask again at each run.
    std::byte* scratch() const { return scratch_.data(); }
    int64_t scratch_bytes() const { return scratch_.bytes(); }

  private:
    MemoryBlock values_;
    MemoryBlock scratch_;
};

}  // namespace gmc::runtime
