// Fingerprints of data: what they tell apart, also where data were added.
#include "runtime/data/data_summary.h"

#include <numeric>

#include "runtime/data/array_field.h"
#include "tests/catch.h"

namespace gmc::runtime {
namespace {

/// `count` examples of two numbers: first, first + 1, ...
std::string fingerprint_of(int64_t count, float first = 0) {
    std::vector<float> values(static_cast<size_t>(count * 2));
    std::iota(values.begin(), values.end(), first);
    Diagnostics diagnostics;
    const auto dataset = make_dataset(
        {std::make_shared<FloatField>(FieldInfo{"x", {2}, count}, std::move(values))}, diagnostics);
    REQUIRE(dataset.ok());
    return fingerprint(*dataset);
}

TEST_CASE("data are the same when some were added or taken away, but not when they changed") {
    CHECK(may_be_same_data(fingerprint_of(40), fingerprint_of(40)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(40), fingerprint_of(40, 1)));
    CHECK(may_be_same_data(fingerprint_of(40), fingerprint_of(60)));
    CHECK(may_be_same_data(fingerprint_of(60), fingerprint_of(30)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(40), fingerprint_of(60, 1)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(60), fingerprint_of(30, 1)));
}

TEST_CASE("data of which nothing was recorded may be the same") {
    CHECK(may_be_same_data("", fingerprint_of(4)));
    CHECK(may_be_same_data(fingerprint_of(4), ""));
    const std::string old = fingerprint_of(4).substr(0, fingerprint_of(4).find(' '));
    CHECK(may_be_same_data(old, fingerprint_of(4)));
    CHECK_FALSE(may_be_same_data(old, fingerprint_of(4, 1)));
    CHECK(may_be_same_data(old, fingerprint_of(5)));
}

}  // namespace
}  // namespace gmc::runtime
