// Bytes as floats. Full vectors, the remainder of a vector and the table have to give the same
// numbers.
#include "runtime/data/files/byte_values.h"

#include "tests/catch.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;  // NOLINT: tests

TEST_CASE("a byte is its share of the range, exact at the ends and rounded once") {
    const std::optional<runtime::ValueRange> ranges[] = {
        std::nullopt, {{0, 1}}, {{-1, 1}}, {{0, 255}}, {{0.1F, 0.7F}}, {{-0.3F, 5}}, {{1, -1}}};
    std::vector<uint8_t> bytes;
    for (int i = 0; i < 600; ++i) bytes.push_back(static_cast<uint8_t>(i));
    gmc::tests::for_each_simd_target([&] {
        for (const auto& range : ranges) {
            const runtime::ByteValues values(range);
            for (const size_t count : {size_t{600}, size_t{255}, size_t{3}}) {
                std::vector<float> floats(count + 1, -77);
                values.convert(bytes.data(), count, floats.data());
                CHECK(floats[count] == -77);
                for (size_t i = 0; i < count; ++i) {
                    const double v = bytes[i];
                    const double exact =
                        range ? (range->low * (255 - v) + range->high * v) / 255 : v;
                    CHECK(floats[i] == static_cast<float>(exact));
                }
            }
        }
    });
}
