// Random numbers for making one example of a synthetic data set: a short sequence that is a pure
// function of (seed, example), so that example i is the same however many are made, in whatever
// order, on how many threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "runtime/kernels/philox.h"

namespace gmc::runtime {

class ExampleRandom {
  public:
    ExampleRandom(uint64_t seed, uint64_t example) : seed_(seed), example_(example) {}

    uint32_t word() {
        // The example is the block, the number of the draw the step: sequences of two examples
        // never meet.
        if (next_ == words_.size()) {
            words_ = philox_block(example_, draw_++, kPhiloxSyntheticStream, seed_);
            next_ = 0;
        }
        return words_[next_++];
    }
    /// In [0, 1).
    float uniform() { return philox_uniform(word()); }
    /// In [low, high).
    float uniform(float low, float high) { return low + (high - low) * uniform(); }
    /// One of 0 .. count - 1; biased by less than count / 2^32.
    uint32_t below(uint32_t count) { return static_cast<uint32_t>(uint64_t{word()} * count >> 32); }
    /// From N(0, 1), by Box and Muller; the second of the pair is thrown away, which nobody will
    /// miss here.
    float normal() {
        const double u = 1.0 - double{uniform()};  // (0, 1]: its logarithm is finite
        const double angle = 2 * std::numbers::pi * double{uniform()};
        return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(angle));
    }

  private:
    uint64_t seed_;
    uint64_t example_;
    uint32_t draw_ = 0;
    PhiloxCounter words_{};
    size_t next_ = 4;
};

}  // namespace gmc::runtime
