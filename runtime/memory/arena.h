// Memory that all functions of a module share: one block for values that plan_memory placed, and
// one for what kernels need only while they run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "compiler/ir/module.h"
#include "runtime/memory/memory_block.h"

namespace gmc::runtime {

using ir::kTensorAlignment;

/// What the executables of one module share. They must not run at the same time.
class Arena {
  public:
    /// A block for the largest planned function of `module`; none when no function is planned.
    explicit Arena(const ir::Module& module);

    float* at(int64_t byte_offset) const { return values_.floats(byte_offset); }
    int64_t bytes() const { return values_.bytes(); }
    /// MemoryBlock::touch for the first `bytes` of the values. It may be called on another thread.
    void touch(int64_t bytes, const std::function<bool()>& stop = nullptr) {
        values_.touch(bytes, stop);
    }
    /// Moves 2 MB to a huge page; false when there are no small pages left.
    bool make_huge();

    /// Makes the scratch block at least `bytes` large; called when kernels are bound. The block may
    /// move, and its content is lost. Throws std::bad_alloc when there is not that much memory.
    void reserve_scratch(int64_t bytes);
    /// The scratch block as it is now. Kernels ask again at each run.
    std::byte* scratch() const { return scratch_.data(); }
    int64_t scratch_bytes() const { return scratch_.bytes(); }

  private:
    MemoryBlock values_;
    MemoryBlock scratch_;
};

}  // namespace gmc::runtime
