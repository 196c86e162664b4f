// The team runs each unit once, whoever calls and however many threads there are.
#include "runtime/threads/team.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/threads/float_mode.h"
#include "runtime/threads/thread_count.h"
#include "tests/catch.h"

using namespace gmc::runtime;  // NOLINT: tests

namespace {

/// How often each unit ran.
std::vector<int> counts_of(int64_t units, int workers) {
    std::vector<std::atomic<int>> counts(static_cast<size_t>(units));
    std::vector<std::atomic<int>> at_work(static_cast<size_t>(workers));
    std::atomic<bool> wrong = false;
    run_units(units, workers, [&](int64_t unit, int worker) {
        const bool known = unit >= 0 && unit < units && worker >= 0 && worker < workers;
        if (!known || ++at_work[static_cast<size_t>(worker)] != 1) {
            wrong = true;
            return;
        }
        ++counts[static_cast<size_t>(unit)];
        --at_work[static_cast<size_t>(worker)];
    });
    CHECK_FALSE(wrong);
    return {counts.begin(), counts.end()};
}

}  // namespace

TEST_CASE("each unit runs once, and a worker runs one at a time") {
    for (int workers : {1, 2, 3, 8, 2, 5})
        for (int64_t units : {0, 1, 2, 3, 7, 24, 1000})
            for (int again = 0; again < 20; ++again) {
                INFO(units << " units by " << workers);
                REQUIRE(counts_of(units, workers) ==
                        std::vector<int>(static_cast<size_t>(units), 1));
            }
}

TEST_CASE("what units wrote is there when the call returns, and in the next call") {
    std::vector<int64_t> numbers(1 << 12, 0);
    const auto count = static_cast<int64_t>(numbers.size());
    for (int64_t call = 1; call <= 300; ++call) {
        // Backwards, so that most numbers change hands.
        run_units(count / 16, 4, [&](int64_t unit, int) {
            for (int64_t i = 16 * unit; i < 16 * unit + 16; ++i)
                ++numbers[static_cast<size_t>(call % 2 == 0 ? i : count - 1 - i)];
        });
        REQUIRE(std::all_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n == call; }));
    }
}

TEST_CASE("a call from a unit runs on the thread that calls") {
    std::atomic<int64_t> sum = 0;
    run_units(8, 4, [&](int64_t outer, int) {
        const auto caller = std::this_thread::get_id();
        run_units(10, 4, [&](int64_t inner, int worker) {
            if (worker == 0 && std::this_thread::get_id() == caller) sum += 10 * outer + inner;
        });
    });
    CHECK(sum == 79 * 80 / 2);
}

TEST_CASE("several threads may call at the same time") {
    std::vector<std::thread> callers;
    std::atomic<int> right = 0;
    for (int i = 0; i < 4; ++i)
        callers.emplace_back([&] {
            for (int call = 0; call < 200; ++call) {
                std::atomic<int64_t> sum = 0;
                run_units(20, 3, [&](int64_t unit, int) { sum += unit; });
                right += sum == 190 ? 1 : 0;
            }
        });
    for (std::thread& caller : callers) caller.join();
    CHECK(right == 4 * 200);
}

TEST_CASE("units have the floating-point mode of the caller") {
    const unsigned before = float_mode();
    for (bool flush : {true, false, true}) {
        if (flush) flush_denormals();
        const unsigned mode = float_mode();
        std::atomic<int> same = 0;
        run_units(64, 3, [&](int64_t, int) { same += float_mode() == mode ? 1 : 0; });
        CHECK(same == 64);
        set_float_mode(before);
    }
}

TEST_CASE("parts cover a range, and depend on its length only") {
    for (int64_t count : {0, 1, 5, 48, 49, 1000})
        for (int64_t least : {0, 1, 7, 100, 5000}) {
            std::vector<std::pair<int64_t, int64_t>> first;
            for (int workers : {1, 3}) {
                std::vector<std::pair<int64_t, int64_t>> parts(48, {-1, -1});
                std::atomic<size_t> next = 0;
                run_parts(count, least, workers, [&](int64_t begin, int64_t end, int) {
                    parts[next++] = {begin, end};
                });
                parts.resize(next);
                std::sort(parts.begin(), parts.end());
                int64_t covered = 0;
                for (const auto& [begin, end] : parts) {
                    CHECK(begin == covered);
                    if (parts.size() > 1) CHECK(end - begin >= least);
                    covered = end;
                }
                CHECK(covered == count);
                if (first.empty()) first = parts;
                CHECK(parts == first);
            }
        }
}
