// What the operations in the body of a scan see of a call.
#pragma once

#include <cstdint>

#include "runtime/kernels/kernel.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {

/// The call as pass `pass` sees it. Its seed is drawn from the call's, so that each pass has random
/// numbers of its own, and a scan within a scan those of both passes. The same pass of another scan
/// with the same streams draws the same: so a gradient sees the numbers of the forward pass again.
inline CallContext call_of_pass(const CallContext& call, int64_t pass) {
    CallContext out = call;
    out.iteration = static_cast<double>(pass);
    const PhiloxCounter words =
        philox_block(static_cast<uint64_t>(pass), 0, kPhiloxPassStream, call.seed);
    out.seed = words[0] | static_cast<uint64_t>(words[1]) << 32;
    return out;
}

}  // namespace gmc::runtime
