// What the operations in the body of a scan see of a call.
#pragma once

#include <cstdint>

#include "runtime/kernels/kernel.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {

/// The call as pass `pass` sees it. Its seed is drawn from the seed of the call, so that each pass
/// has random numbers of its own; within a scan in a scan they depend on both passes. The same pass
/// of another scan draws the same numbers from the same stream: that is how the scan that computes
/// a gradient sees the numbers of the forward scan again.
inline CallContext call_of_pass(const CallContext& call, int64_t pass) {
    CallContext out = call;
    out.iteration = static_cast<double>(pass);
    const PhiloxCounter words =
        philox_block(static_cast<uint64_t>(pass), 0, kPhiloxPassStream, call.seed);
    out.seed = words[0] | static_cast<uint64_t>(words[1]) << 32;
    return out;
}

}  // namespace gmc::runtime
