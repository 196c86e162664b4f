// Fisher-Yates with 64 random bits per exchange.
#include "runtime/data/shuffle.h"

#include <cstddef>
#include <numeric>
#include <utility>

#include "runtime/kernels/philox.h"

namespace gmc::runtime {

std::vector<int64_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    PhiloxCounter words{};
    for (size_t i = order.size(), draw = 0; i > 1; --i, ++draw) {
        // A block gives two draws. With 64 bits the bias of the remainder is below count / 2^64.
        if (draw % 2 == 0)
            words =
                philox_block(draw / 2, static_cast<uint32_t>(epoch), kPhiloxShuffleStream, seed);
        const size_t half = draw % 2 * 2;
        const uint64_t bits = uint64_t{words[half + 1]} << 32 | words[half];
        std::swap(order[i - 1], order[bits % i]);
    }
    return order;
}

}  // namespace gmc::runtime
