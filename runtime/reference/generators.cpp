// The reference of generators: element i is a function of i and of the call alone.
#include "runtime/reference/generators.h"

#include <algorithm>

#include "runtime/kernels/philox.h"

namespace gmc::runtime {
namespace {

/// The four words of the block that element `element` belongs to.
PhiloxCounter block_of(size_t element, int64_t stream, const CallContext& call) {
    return philox_block(philox_place(element).block, call.call, static_cast<uint32_t>(stream),
                        call.seed);
}

}  // namespace

void reference(const ir::Constant& op, ReferenceContext& c) {
    std::fill(c.result().data.begin(), c.result().data.end(), op.value);
}

void reference(const ir::Iota& op, ReferenceContext& c) {
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i)
        y[i] = static_cast<double>(static_cast<int64_t>(i) / op.stride % op.size);
}

void reference(const ir::RandomNormal& op, ReferenceContext& c) {
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i)
        y[i] = philox_normal(block_of(i, op.stream, c.call()), philox_place(i).word);
}

void reference(const ir::RandomUniform& op, ReferenceContext& c) {
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i)
        y[i] = (block_of(i, op.stream, c.call())[philox_place(i).word] >> 8) * 0x1p-24;
}

void reference(const ir::Epoch&, ReferenceContext& c) { c.result().data[0] = c.call().epoch; }

void reference(const ir::Iteration&, ReferenceContext& c) {
    c.result().data[0] = c.call().iteration;
}

void reference(const ir::Step&, ReferenceContext& c) { c.result().data[0] = c.call().step; }

}  // namespace gmc::runtime
