// Memory that the contractions of one executable share.
#include "runtime/contractions/context.h"

#include <algorithm>

namespace gmc::runtime {

int64_t ContractionContext::layout_bytes() const {
    int64_t bytes = session_ ? session_->bytes() : 0;
    for (const auto* blocks : {&wide_, &own_})
        for (const MemoryBlock& block : *blocks) bytes += block.bytes();
    return bytes;
}

float* ContractionContext::wide_memory(int64_t floats) {
    const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
    // Kernels keep the address that they were given, so a larger block is added and the old one
    // stays. Doubling keeps the number of blocks small.
    if (wide_.empty() || wide_.back().bytes() < bytes)
        wide_.emplace_back(std::max(bytes, wide_.empty() ? 0 : 2 * wide_.back().bytes()));
    return wide_.back().floats();
}

/// Small pieces share a block, since each block has at least one huge page.
float* ContractionContext::own_memory(int64_t floats) {
    const int64_t bytes = align_up(floats * static_cast<int64_t>(sizeof(float)), kTensorAlignment);
    if (own_.empty() || own_used_ + bytes > own_.back().bytes()) {
        own_.emplace_back(std::max(bytes, kBlockAlignment));
        own_used_ = 0;
    }
    own_used_ += bytes;
    return own_.back().floats(own_used_ - bytes);
}

}  // namespace gmc::runtime
