// Philox against the known answers of Random123, and the layout of tensors.
#include "runtime/data/example_random.h"
#include "runtime/kernels/philox.h"
#include "tests/catch.h"

namespace gmc::runtime {
namespace {

// At compile time too: the generator is constexpr.
static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);

TEST_CASE("philox gives the words of Random123") {
    const uint32_t ff = 0xffffffff;
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
          PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox4x32({ff, ff, ff, ff}, {ff, ff}) ==
          PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a tile of 64 elements is 16 blocks, word by word") {
    CHECK(philox_place(0).block == 0);
    CHECK(philox_place(15).block == 15);
    CHECK(philox_place(15).word == 0);
    CHECK(philox_place(16).block == 0);
    CHECK(philox_place(16).word == 1);
    CHECK(philox_place(63).block == 15);
    CHECK(philox_place(63).word == 3);
    CHECK(philox_place(64).block == 16);
    const uint64_t far = uint64_t{1} << 40;  // beyond 32 bits of blocks
    CHECK(philox_word(far + 17, 3, 5, 0x1122334455667788) ==
          philox4x32({1, 64, 3, 5}, {0x55667788, 0x11223344})[1]);
}

TEST_CASE("uniform stays below 1 and keeps 24 bits") {
    CHECK(philox_uniform(0) == 0.0F);
    CHECK(philox_uniform(0xffffffff) == 1.0F - 0x1p-24F);
    CHECK(philox_uniform(0x80000000) == 0.5F);
}

TEST_CASE("normal numbers of examples have mean 0 and variance 1") {
    double sum = 0;
    double squares = 0;
    constexpr int kCount = 20000;
    for (int i = 0; i < kCount; ++i) {
        const double v = ExampleRandom(1, static_cast<uint64_t>(i)).normal();
        sum += v;
        squares += v * v;
    }
    CHECK(std::abs(sum / kCount) < 0.03);
    CHECK(std::abs(squares / kCount - 1) < 0.05);
}

}  // namespace
}  // namespace gmc::runtime
