// The memory that the functions of a module share. One block serves all of them because they run
// one after another: it is as large as the largest function needs.
#include "runtime/memory/arena.h"

#include <algorithm>
#include <cstdint>
#include <new>

#include "runtime/memory/memory_need.h"

namespace gmc::runtime {

/// Scratch memory that the program's own needs cover.
constexpr int64_t kSmallScratch = int64_t{1} << 20;

Arena::Arena(const ir::Module& module) {
    int64_t bytes = 0;
    for (const ir::Function& function : module.functions)
        bytes = std::max(bytes, function.arena_bytes);
    values_ = MemoryBlock(bytes);
}

bool Arena::make_huge() { return values_.make_huge() || scratch_.make_huge(); }

void Arena::reserve_scratch(int64_t bytes) {
    if (bytes <= scratch_.bytes()) return;
    scratch_ = MemoryBlock();  // the old block goes first: both at once may not fit
    // Of a control group, Linux ends the process that touches too much.
    if (bytes > kSmallScratch && !why_no_room(bytes).empty()) throw std::bad_alloc();
    scratch_ = MemoryBlock(bytes);
    scratch_.touch(bytes);
}

}  // namespace gmc::runtime
