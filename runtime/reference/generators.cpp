// Generators: element i is a function of i and of the call alone.
#include "runtime/reference/generators.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/kernels/philox.h"

namespace gmc::runtime {
namespace {

/// The four words of the block that element `element` belongs to.
PhiloxCounter block_of(size_t element, int64_t stream, const CallContext& call) {
    return philox_block(philox_place(element).block, call.call, static_cast<uint32_t>(stream),
                        call.seed);
}

/// One N(0, 1) number: words 0 and 1 of a block make two of them, words 2 and 3 another two.
double normal(const PhiloxCounter& block, uint32_t word) {
    const uint32_t first = block[word / 2 * 2], second = block[word / 2 * 2 + 1];
    // Plus 1 keeps the logarithm's argument in (0, 1].
    const double u1 = ((first >> 8) + 1) * 0x1p-24;
    const double u2 = (second >> 8) * 0x1p-24;
    const double radius = std::sqrt(-2 * std::log(u1)), angle = 2 * std::numbers::pi * u2;
    return word % 2 == 0 ? radius * std::cos(angle) : radius * std::sin(angle);
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
        y[i] = normal(block_of(i, op.stream, c.call()), philox_place(i).word);
}

void reference(const ir::RandomUniform& op, ReferenceContext& c) {
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i)
        y[i] = (block_of(i, op.stream, c.call())[philox_place(i).word] >> 8) * 0x1p-24;
}

void reference(const ir::Epoch&, ReferenceContext& c) { c.result().data[0] = c.call().epoch; }

void reference(const ir::Step&, ReferenceContext& c) { c.result().data[0] = c.call().step; }

}  // namespace gmc::runtime
