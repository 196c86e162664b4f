// The set of byte ranges against a look at every member.
#include "compiler/support/range_set.h"

#include <random>
#include <set>

#include "tests/catch.h"

using namespace gmc;  // NOLINT: tests

TEST_CASE("a set of ranges finds those that overlap, as a look at each does", "[support]") {
    std::mt19937_64 random(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<ByteRange> ranges;
        for (size_t i = random() % 40; i > 0; --i) {
            const auto begin = static_cast<int64_t>(random() % 50);
            ranges.push_back({begin, begin + 1 + static_cast<int64_t>(random() % 20)});
        }
        RangeSet set(ranges);
        std::set<size_t> members;
        for (int step = 0; step < 60 && !ranges.empty(); ++step) {
            const size_t i = random() % ranges.size();
            if (members.erase(i) > 0) {
                set.erase(i);
            } else {
                members.insert(i);
                set.insert(i);
            }
            const ByteRange asked = ranges[random() % ranges.size()];
            std::vector<size_t> expected;
            for (const size_t m : members)
                if (ranges[m].begin < asked.end && asked.begin < ranges[m].end)
                    expected.push_back(m);
            REQUIRE(set.overlapping(asked) == expected);
        }
    }
    CHECK(RangeSet({}).overlapping({0, 1}).empty());
}
