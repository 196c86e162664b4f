// Philox4x32-10, the project's only source of randomness: a block cipher on a counter, so that
// every number is a pure function of (seed, step, stream, element) with no state to save, order or
// share between threads. Scalar and constexpr; the SIMD kernels beside it must give the same words.
// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); same words
// as Random123.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace gmc::runtime {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

/// Ten rounds of Philox4x32: four words that are uniform over all 32-bit values.
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
    constexpr uint64_t kMultiplier0 = 0xD2511F53;
    constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
    constexpr uint32_t kWeyl0 = 0x9E3779B9;  // golden ratio
    constexpr uint32_t kWeyl1 = 0xBB67AE85;  // sqrt(3) - 1
    for (int round = 0; round < 10; ++round) {
        const uint64_t product0 = kMultiplier0 * counter[0];
        const uint64_t product1 = kMultiplier1 * counter[2];
        counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
                   static_cast<uint32_t>(product1),
                   static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
                   static_cast<uint32_t>(product0)};
        key = {key[0] + kWeyl0, key[1] + kWeyl1};
    }
    return counter;
}

constexpr PhiloxKey philox_key(uint64_t seed) {
    return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

/// The block `block` of the stream `stream` at `step`; streams keep the consumers of one seed
/// apart.
constexpr PhiloxCounter philox_block(uint64_t block, uint32_t step, uint32_t stream,
                                     uint64_t seed) {
    return philox4x32(
        {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), step, stream},
        philox_key(seed));
}

/// Where element `element` of a random tensor finds its word. A chunk of 64 elements takes 16
/// blocks (one for each lane of a vector of 512 bits) of 4 words. Word 0 of all 16 blocks comes
/// first, then word 1, and so on: SIMD code can store its vectors as they are, without
/// shuffling lanes.
struct PhiloxPlace {
    uint64_t block;
    uint32_t word;
};

constexpr PhiloxPlace philox_place(uint64_t element) {
    const uint64_t chunk = element / 64;
    const uint64_t rest = element % 64;
    return {chunk * 16 + rest % 16, static_cast<uint32_t>(rest / 16)};
}

/// The word of one element of a random tensor; slow (a whole block per element), for references and
/// tests.
constexpr uint32_t philox_word(uint64_t element, uint32_t step, uint32_t stream, uint64_t seed) {
    const PhiloxPlace place = philox_place(element);
    return philox_block(place.block, step, stream, seed)[place.word];
}

/// The upper 24 bits as a float in [0, 1): every value is exact, 1 is never reached.
constexpr float philox_uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// N(0, 1) for word `word` of a block (Box and Muller 1958): words 0 and 1 are a pair, and 2 and 3;
/// the even word gets the cosine, the odd one the sine. In double; the SIMD kernels give the same
/// to a few ulp of f32.
inline double philox_normal(const PhiloxCounter& block, uint32_t word) {
    const uint32_t first = block[word / 2 * 2], second = block[word / 2 * 2 + 1];
    // Plus 1 keeps the logarithm's argument in (0, 1].
    const double radius = std::sqrt(-2 * std::log(((first >> 8) + 1) * 0x1p-24));
    const double angle = 2 * std::numbers::pi * ((second >> 8) * 0x1p-24);
    return word % 2 == 0 ? radius * std::cos(angle) : radius * std::sin(angle);
}

/// Streams of the runtime's own; those of a module's ops count up from 0.
enum PhiloxStream : uint32_t {
    kPhiloxShuffleStream = 0xFFFF0001,    ///< order of the examples; step = epoch
    kPhiloxNoiseStream = 0xFFFE0000,      ///< + number of a function's noise input; step = example
    kPhiloxSyntheticStream = 0xFFFF0002,  ///< synthetic data sets; block = example, step = draw
    kPhiloxFlipStream = 0xFFFF0003,       ///< mirroring of pictures; block = example, step = epoch
    kPhiloxPassStream = 0xFFFF0004,       ///< seeds of the passes of a scan; block = pass
    kPhiloxSplitStream = 0xFFFF0005,      ///< examples kept for validation; block = hash of a name
};

}  // namespace gmc::runtime
