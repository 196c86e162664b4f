// The memory that the functions of a module share. One block serves all of them because they run
// one after another: it is as large as the largest function needs.
#include "runtime/memory/arena.h"

#include <algorithm>
#include <cstdint>

namespace gmc::runtime {

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
    scratch_ = MemoryBlock(bytes);
    scratch_.touch(bytes);
}

}  // namespace gmc::runtime
