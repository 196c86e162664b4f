// What a summary of data says of their values.
#include "runtime/data/data_summary.h"

#include "tests/catch.h"

namespace gmc::runtime {
namespace {

/// A field of one number per example that says whether it lies in memory.
class TurnsField final : public Field {
  public:
    TurnsField(int64_t count, int64_t period, bool in_memory)
        : Field("x", {1}, count, 0), period_(period), in_memory_(in_memory) {}
    void read(int64_t index, float* dst) const override {
        *dst = static_cast<float>(index % period_);
    }
    bool in_memory() const override { return in_memory_; }

  private:
    int64_t period_;
    bool in_memory_;
};

TEST_CASE("data that go through their values in turn do not look constant, whatever the period") {
    for (const bool in_memory : {true, false})
        for (const int64_t period : {2, 3, 4, 5, 7, 8, 10, 16, 100, 125})
            for (const int64_t count : {1000, 2000, 4000, 8000, 12800, 48000, 60000}) {
                CAPTURE(in_memory, period, count);
                Diagnostics diagnostics;
                const auto dataset = make_dataset(
                    {std::make_shared<TurnsField>(count, period, in_memory)}, diagnostics);
                REQUIRE(dataset.ok());
                const FieldSummary seen = summarise(*dataset).fields[0];
                CHECK(seen.looked_at == (in_memory ? 1000 : 16));
                CHECK_FALSE(seen.all_equal);
                // Of the values, most of what the period has are seen.
                if (in_memory) CHECK(seen.values->high - seen.values->low >= 0.9F * (period - 1));
            }
}

TEST_CASE("few examples are all looked at, and constant ones look so") {
    Diagnostics diagnostics;
    const auto of = [&](int64_t count, int64_t period) {
        const auto dataset =
            make_dataset({std::make_shared<TurnsField>(count, period, true)}, diagnostics);
        REQUIRE(dataset.ok());
        return summarise(*dataset).fields[0];
    };
    CHECK(of(10, 10).values->high == 9);
    CHECK(of(1000, 1000).values->high == 999);
    CHECK(of(5000, 1).all_equal);
}

}  // namespace
}  // namespace gmc::runtime
