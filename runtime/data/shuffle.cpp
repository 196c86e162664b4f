// The order in which an epoch visits the examples: Fisher and Yates' shuffle with 64 random bits
// per exchange, and a variant that keeps to a window of blocks.
#include "runtime/data/shuffle.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "runtime/kernels/philox.h"

namespace gmc::runtime {

namespace {

/// Random numbers of one epoch's order, one after the other.
class Draws {
  public:
    Draws(uint64_t seed, int64_t epoch) : seed_(seed), epoch_(static_cast<uint32_t>(epoch)) {}

    /// Below `bound`. With 64 bits the bias of the remainder is below bound / 2^64.
    size_t below(size_t bound) {
        // A block of Philox gives two draws.
        if (draw_ % 2 == 0) words_ = philox_block(draw_ / 2, epoch_, kPhiloxShuffleStream, seed_);
        const size_t half = draw_++ % 2 * 2;
        return (uint64_t{words_[half + 1]} << 32 | words_[half]) % bound;
    }

  private:
    const uint64_t seed_;
    const uint32_t epoch_;
    uint64_t draw_ = 0;
    PhiloxCounter words_{};
};

/// A random permutation of 0 .. count - 1.
std::vector<int64_t> shuffled(int64_t count, Draws& draws) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draws.below(i)]);
    return order;
}

}  // namespace

std::vector<int64_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch) {
    Draws draws(seed, epoch);
    return shuffled(count, draws);
}

/// Goes through the blocks in a random order and puts their examples into the window; whenever the
/// window is full, a random one of it comes next.
std::vector<int64_t> windowed_order(int64_t count, int64_t block, uint64_t seed, int64_t epoch) {
    Draws draws(seed, epoch);
    const auto size = static_cast<size_t>(block * kWindowBlocks);
    std::vector<int64_t> order, window;
    order.reserve(static_cast<size_t>(count));
    window.reserve(size);
    const auto draw = [&] {
        std::swap(window[draws.below(window.size())], window.back());
        order.push_back(window.back());
        window.pop_back();
    };
    for (const int64_t number : shuffled((count + block - 1) / block, draws)) {
        const int64_t end = std::min(count, (number + 1) * block);
        for (int64_t example = number * block; example < end; ++example) {
            if (window.size() == size) draw();
            window.push_back(example);
        }
    }
    while (!window.empty()) draw();
    return order;
}

/// The name becomes 64 bits by FNV-1a.
double lot_of(const std::string& name, uint64_t seed) {
    uint64_t hash = 0xCBF29CE484222325;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    const PhiloxCounter words = philox_block(hash, 0, kPhiloxSplitStream, seed);
    return static_cast<double>((uint64_t{words[1]} << 32 | words[0]) >> 11) * 0x1p-53;
}

}  // namespace gmc::runtime
