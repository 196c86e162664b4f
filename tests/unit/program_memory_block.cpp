// Memory in huge and in small pages.
#include <cstdint>
#include <vector>

#include "runtime/memory/memory_block.h"
#include "tests/catch.h"

using namespace gmc::runtime;

namespace {

constexpr int64_t kPage = kBlockAlignment;
constexpr int64_t kBytes = 3 * kPage + 4096;

std::vector<float> numbers_in(const MemoryBlock& block) {
    return {block.floats(), block.floats() + kBytes / 4};
}

}  // namespace

TEST_CASE("a block is zero, aligned, and stays so when it is touched") {
    MemoryBlock block(kBytes);
    CHECK(reinterpret_cast<uintptr_t>(block.data()) % kPage == 0);
    block.touch(kBytes);
    CHECK(numbers_in(block) == std::vector<float>(kBytes / 4, 0.0F));
    CHECK(MemoryBlock().data() == nullptr);
    CHECK(MemoryBlock(0).data() == nullptr);
}

TEST_CASE("moving small pages to huge ones keeps contents and addresses") {
    MemoryBlock block(kBytes);
    CHECK_FALSE(block.make_huge());  // no small page is left
    block.use_small_pages(kPage);
    for (int64_t i = 0; i < kBytes / 4; ++i) block.floats()[i] = static_cast<float>(i % 1000);
    const std::vector<float> before = numbers_in(block);
    const std::byte* const address = block.data();
    int moved = 0;
    while (block.make_huge()) ++moved;
    CHECK(moved == 3);  // two whole huge pages, and the rest
    CHECK(block.data() == address);
    CHECK(numbers_in(block) == before);
}

TEST_CASE("small pages are touched until told to stop, without a word not at all") {
    MemoryBlock block(kBytes);
    block.use_small_pages(kPage);
    int asked = 0;
    block.touch(kBytes, [&] { return ++asked == 2; });
    CHECK(asked == 2);
    block.touch(kBytes);
    CHECK(numbers_in(block) == std::vector<float>(kBytes / 4, 0.0F));
}
