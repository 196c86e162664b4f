// Random numbers for tests. Unlike those of std::uniform_real_distribution they are the same on
// every machine and standard library.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "compiler/ir/type.h"

namespace gmc::tests {

/// A Mersenne twister, whose numbers the C++ standard fixes, and conversions written here, which it
/// leaves open.
class TestRandom {
  public:
    explicit TestRandom(uint64_t seed) : engine_(seed) {}

    /// In [0, 1), a multiple of 2^-20, so that it is exact as a float too.
    double unit() { return static_cast<double>(engine_() >> 44) * 0x1p-20; }
    /// In [low, high). Exact as a float when both ends are small multiples of a power of two.
    double uniform(double low, double high) { return low + (high - low) * unit(); }
    /// In [low, high].
    int64_t integer(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
    }
    bool chance(double probability) { return unit() < probability; }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from[static_cast<size_t>(integer(0, static_cast<int64_t>(from.size()) - 1))];
    }
    template <typename T>
    void shuffle(std::vector<T>& list) {
        for (size_t i = list.size(); i > 1; --i)
            std::swap(list[i - 1],
                      list[static_cast<size_t>(integer(0, static_cast<int64_t>(i) - 1))]);
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace gmc::tests
