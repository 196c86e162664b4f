// Records of TensorBoard's files. That TensorBoard reads them is for tests/tensorboard.
#include <cstring>

#include "runtime/tensorboard/event.h"
#include "tests/catch.h"

using namespace gmc::tensorboard;  // NOLINT

TEST_CASE("a record has its length, its bytes, and masked CRC-32C of both", "[tensorboard]") {
    const std::string bytes = record("123456789");
    REQUIRE(bytes.size() == 8 + 4 + 9 + 4);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    CHECK(length == 9);
    uint32_t crc = 0;
    std::memcpy(&crc, bytes.data() + 21, 4);
    // The check value of CRC-32C, e3069283 (RFC 3720), masked.
    const uint32_t plain = 0xe3069283U;
    CHECK(crc == ((plain >> 15) | (plain << 17)) + 0xa282ead8U);
}

TEST_CASE("what is no PNG makes no event", "[tensorboard]") {
    CHECK(picture_event({0, 1}, "samples", "no picture at all, but long enough").empty());
    CHECK(picture_event({0, 1}, "samples", "").empty());
}
