// Sums, broadcasts and the roll call of processes, which are threads here.
#include "runtime/processes/process_group.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "runtime/kernels/bf16.h"
#include "runtime/processes/roll_call.h"
#include "tests/catch.h"
#include "tests/unit/program/thread_group.h"

using namespace gmc;
using namespace gmc::runtime;

/// (p0 + p1) + (p2 + p3), element by element; `rounded`: each sum of two to bf16.
static std::vector<float> tree_sum(std::vector<std::vector<float>> parts, bool rounded = false) {
    while (parts.size() > 1) {
        std::vector<std::vector<float>> next;
        for (size_t i = 0; i < parts.size(); i += 2) {
            next.push_back(parts[i]);
            for (size_t k = 0; k < parts[i].size(); ++k) {
                float& sum = next.back()[k];
                sum += parts[i + 1][k];
                if (rounded) sum = rounded_to_bf16(sum);
            }
        }
        parts = std::move(next);
    }
    return parts[0];
}

TEST_CASE("a group adds its numbers as a binary tree, to the same bits in all processes",
          "[group]") {
    for (const int size : {1, 2, 4, 8})
        for (const int64_t count : {1, 5, 4096, 4097, 10001}) {
            std::vector<std::vector<float>> numbers(static_cast<size_t>(size));
            std::mt19937 random(static_cast<unsigned>(size * 100000 + count));
            std::normal_distribution<float> normal;
            for (auto& of_process : numbers)
                for (int64_t i = 0; i < count; ++i)
                    of_process.push_back(normal(random) * std::exp(4 * normal(random)));
            std::vector<std::vector<float>> sums = numbers;
            in_group(size, [&](ProcessGroup& group) {
                group.sum({sums[static_cast<size_t>(group.rank())].data(), count});
            });
            const std::vector<float> expected = tree_sum(numbers);
            for (const auto& sum : sums)
                CHECK(std::memcmp(sum.data(), expected.data(), expected.size() * 4) == 0);
        }
}

TEST_CASE("a sum of one shard of each process, however many these are", "[group]") {
    for (const int size : {1, 2, 3, 5, 6, 7})
        for (const int64_t count : {1, 5000}) {
            std::vector<char> right(static_cast<size_t>(size), 0);
            in_group(size, [&](ProcessGroup& group) {
                std::vector<float> numbers;
                for (int64_t i = 0; i < count; ++i)
                    numbers.push_back(static_cast<float>(i + (1 << group.rank())));
                group.sum({.numbers = numbers.data(), .count = count, .shards = size});
                bool all = true;
                for (int64_t i = 0; i < count; ++i)
                    all &= numbers[static_cast<size_t>(i)] ==
                           static_cast<float>(i * size + (1 << size) - 1);
                right[static_cast<size_t>(group.rank())] = all ? 1 : 0;
            });
            INFO(size << " processes, " << count << " numbers");
            CHECK(right == std::vector<char>(static_cast<size_t>(size), 1));
        }
}

TEST_CASE("of scattered sums each process has its range, and a group puts ranges together",
          "[group]") {
    for (const int size : {1, 2, 3, 4, 5, 8})
        for (const int64_t count : {100, 4096, 4097, 10001}) {
            std::vector<std::vector<float>> numbers(8);
            std::mt19937 random(static_cast<unsigned>(size * 100000 + count));
            std::normal_distribution<float> normal;
            for (auto& of_shard : numbers)
                for (int64_t i = 0; i < count; ++i) of_shard.push_back(normal(random));
            const std::vector<float> expected = tree_sum(numbers);
            std::vector<std::vector<float>> sums(static_cast<size_t>(size));
            std::vector<char> own_right(static_cast<size_t>(size), 0);
            in_group(size, [&](ProcessGroup& group) {
                const auto rank = static_cast<size_t>(group.rank());
                const int64_t first = first_shard(8, size, group.rank());
                const int64_t end = first_shard(8, size, group.rank() + 1);
                std::vector<float>& mine = sums[rank];
                for (const ShardNode& node : shard_nodes(first, end - first)) {
                    const auto from = numbers.begin() + node.first;
                    const std::vector<float> sum = tree_sum({from, from + node.count});
                    mine.insert(mine.end(), sum.begin(), sum.end());
                }
                group.sum({mine.data(), count, false, 8, count, true});
                const NumberRange own = range_of({0, count}, size, group.rank());
                own_right[rank] = std::equal(mine.begin() + own.begin, mine.begin() + own.end,
                                             expected.begin() + own.begin);
                std::fill_n(mine.begin(), own.begin, -1.0f);
                std::fill_n(mine.begin() + own.end, count - own.end, -1.0f);
                group.gather_ranges(mine.data(), count);
                mine.resize(static_cast<size_t>(count));
            });
            INFO(size << " processes, " << count << " numbers");
            CHECK(own_right == std::vector<char>(static_cast<size_t>(size), 1));
            for (const auto& sum : sums) CHECK(sum == expected);
        }
}

/// Bytes that leave each machine in a sum of `count` numbers by processes on these machines.
static std::map<char, int64_t> bytes_between(const std::string& machines, int64_t count,
                                             bool numbered) {
    std::map<char, int64_t> bytes;
    std::mutex mutex;
    const MessageCounter counter = [&](int from, int to, size_t size) {
        const std::lock_guard lock(mutex);
        if (machines[from] != machines[to]) bytes[machines[from]] += static_cast<int64_t>(size);
    };
    const auto size = static_cast<int>(machines.size());
    in_group(
        size,
        [&](ProcessGroup& group) {
            if (numbered) group.number_by_machine(std::string(1, machines[group.rank()]));
            if (numbered) group.tell_machines();
            const int64_t shards = 16, first = first_shard(shards, size, group.rank());
            const int64_t end = first_shard(shards, size, group.rank() + 1);
            const auto nodes = static_cast<int64_t>(shard_nodes(first, end - first).size());
            std::vector<float> numbers(static_cast<size_t>(nodes * count), 1.0f);
            group.sum({numbers.data(), count, false, shards, count});
        },
        counter);
    return bytes;
}

TEST_CASE("a sum sends between machines what one process on each would send", "[group]") {
    // The numbering itself takes less than 500 bytes.
    constexpr int64_t kCount = 1 << 16, kBytes = kCount * 4, kSmall = 500;
    for (const std::string machines : {"aabb", "abab", "abba", "aaaabbbb", "abababab"}) {
        INFO(machines);
        for (const auto& [machine, bytes] : bytes_between(machines, kCount, true)) {
            CHECK(bytes >= kBytes);
            CHECK(bytes < kBytes + kSmall);
        }
    }
    for (const std::string machines : {"aabbccdd", "abcdabcd", "dcbaabcd"}) {
        INFO(machines);
        const auto all = bytes_between(machines, kCount, true);
        CHECK(all.size() == 4);
        for (const auto& [machine, bytes] : all) {
            CHECK(bytes >= kBytes * 3 / 2);
            CHECK(bytes < kBytes * 3 / 2 + kSmall);
        }
    }
    // Other numbers of processes: a machine sends the fewest nodes of the tree that its shards add
    // up to, without the ranges that it keeps, and then once its own range to each other machine.
    struct Sent {
        const char* machines;
        double first, second;  ///< times the bytes of all numbers, by the first and second machine
    };
    for (const Sent& sent : {Sent{"aabbb", 2 * 3. / 5 + 2. / 5, 2 * 2. / 5 + 3. / 5},
                             {"aaabbb", 1 * .5 + .5, 1 * .5 + .5},
                             {"aaab", 2 * .25 + .75, 1 * .75 + .25},
                             {"aabbcc", 2 * 2. / 3 + 2. / 3, 3 * 2. / 3 + 2. / 3},
                             {"aaabbbcc", 2 * 5. / 8 + 6. / 8, 2 * 5. / 8 + 6. / 8},
                             {"abababababab", 1 * .5 + .5, 1 * .5 + .5}}) {
        INFO(sent.machines);
        const auto all = bytes_between(sent.machines, kCount, true);
        CHECK(std::abs(all.at('a') / double{kBytes} - sent.first) < 0.01);
        CHECK(std::abs(all.at('b') / double{kBytes} - sent.second) < 0.01);
    }
    // As the processes come, partners of the first round are on two machines.
    CHECK(bytes_between("abab", kCount, false).at('a') >= 2 * kBytes);
}

TEST_CASE("sums are the same to the bit, however many processes each machine has", "[group]") {
    for (const std::string machines :
         {"a", "aa", "aab", "aba", "aaa", "abc", "aaab", "abbb", "aabc", "aabbb", "aaabbb",
          "aabbcc", "abcabc", "aaaab", "aaaaaaa", "aaabbbcc", "abbbbbbb", "aabbccddd",
          "aaaaabbbbbcc"})
        for (const int64_t count : {7, 4096, 4097, 20010, 20011})
            for (const bool rounded : {false, true}) {
                INFO(machines << ", " << count << " numbers" << (rounded ? ", rounded" : ""));
                const auto size = static_cast<int>(machines.size());
                std::vector<std::vector<float>> shards(16), sums(machines.size());
                std::mt19937 random(static_cast<unsigned>(size * 100000 + count));
                std::normal_distribution<float> normal;
                for (auto& shard : shards)
                    for (int64_t i = 0; i < count; ++i)
                        shard.push_back(rounded_to_bf16(normal(random) * std::exp(normal(random))));
                const auto tree = [&](auto first, auto end) {
                    return tree_sum(std::vector<std::vector<float>>(first, end), rounded);
                };
                in_group(size, [&](ProcessGroup& group) {
                    group.number_by_machine(std::string(1, machines[group.rank()]));
                    group.tell_machines();
                    const int64_t first = first_shard(16, size, group.rank());
                    const int64_t end = first_shard(16, size, group.rank() + 1);
                    std::vector<float>& mine = sums[static_cast<size_t>(group.rank())];
                    for (const ShardNode& node : shard_nodes(first, end - first)) {
                        const auto from = shards.begin() + node.first;
                        const std::vector<float> sum = tree(from, from + node.count);
                        mine.insert(mine.end(), sum.begin(), sum.end());
                    }
                    const bool scattered = count % 2 != 0;
                    group.sum({mine.data(), count, rounded, 16, count, scattered});
                    const NumberRange own = range_of({0, count}, size, group.rank());
                    if (scattered && size > 1) {
                        std::fill_n(mine.begin(), own.begin, -1.0f);
                        std::fill_n(mine.begin() + own.end, count - own.end, -1.0f);
                        group.gather_ranges(mine.data(), count);
                    }
                    mine.resize(static_cast<size_t>(count));
                });
                const std::vector<float> expected = tree(shards.begin(), shards.end());
                for (const auto& sum : sums)
                    CHECK(std::memcmp(sum.data(), expected.data(), expected.size() * 4) == 0);
            }
}

TEST_CASE("the ranges of processes are next to each other, and make up a flat buffer", "[group]") {
    for (const int64_t processes : {1, 2, 3, 4, 7, 8, 16}) {
        const SharedBuffer buffer{{1000, 70000, 70032}, processes, 0};
        REQUIRE(buffer.is_right());
        std::vector<int> owners(70032, 0);
        int64_t largest = 0;
        for (int64_t rank = 0; rank < processes; ++rank) {
            SharedBuffer own = buffer;
            own.rank = rank;
            largest = std::max(largest, own.own_numbers());
            for (const NumberRange& range : own.own())
                for (int64_t i = range.begin; i < range.end; ++i) ++owners[static_cast<size_t>(i)];
        }
        CHECK(owners == std::vector<int>(70032, 1));
        CHECK(largest <= 70032 / processes + 3 * 2 * kRangeStep);
    }
    CHECK_FALSE(SharedBuffer{{255, 300}, 4, 0}.is_right());
    CHECK(SharedBuffer{{256, 300}, 4, 0}.is_right());
    CHECK_FALSE(SharedBuffer{{64, 64}, 1, 0}.is_right());
    CHECK_FALSE(SharedBuffer{{64}, 2, 2}.is_right());
    CHECK_FALSE(SharedBuffer{}.is_right());
}

TEST_CASE("process 0 of a group tells all, and hears of all", "[group]") {
    for (const int size : {1, 2, 3, 5, 8}) {
        std::vector<std::string> told(static_cast<size_t>(size));
        std::vector<std::string> heard;
        in_group(size, [&](ProcessGroup& group) {
            told[static_cast<size_t>(group.rank())] = group.broadcast(group.leads() ? "go" : "");
            const auto all = group.gather(std::string(static_cast<size_t>(group.rank()), 'x'));
            if (group.leads()) heard = all;
        });
        CHECK(told == std::vector<std::string>(static_cast<size_t>(size), "go"));
        REQUIRE(heard.size() == static_cast<size_t>(size));
        for (size_t rank = 0; rank < heard.size(); ++rank)
            CHECK(heard[rank] == std::string(rank, 'x'));
    }
}

TEST_CASE("a group puts the parts of its processes together, also behind sums that were begun",
          "[group]") {
    for (const int size : {1, 2, 3, 5, 8}) {
        std::vector<size_t> begins(1, 0);  // parts of 0, 1, 2, ... bytes
        for (int rank = 0; rank < size; ++rank)
            begins.push_back(begins.back() + static_cast<size_t>(rank));
        std::string expected;
        for (int rank = 0; rank < size; ++rank)
            expected += std::string(static_cast<size_t>(rank), static_cast<char>('a' + rank));
        std::vector<std::string> got(static_cast<size_t>(size));
        in_group(size, [&](ProcessGroup& group) {
            const auto rank = static_cast<size_t>(group.rank());
            std::vector<float> numbers(5000, 1.0f);
            const bool sums = size != 3 && size != 5;
            if (sums) group.start_sum({numbers.data(), 5000});
            std::string& all = got[rank];
            all.assign(begins.back(), '-');
            all.replace(begins[rank], rank, rank, static_cast<char>('a' + group.rank()));
            group.gather_all(all.data(), begins);
            if (sums) group.finish_sums(numbers.data(), 5000);
        });
        CHECK(got == std::vector<std::string>(static_cast<size_t>(size), expected));
    }
}

TEST_CASE("a roll call names the process that differs", "[group]") {
    std::vector<Diagnostics> reports(4);
    std::vector<char> together(4, 2);
    const auto call = [&](const std::function<Facts(int)>& facts, int failed) {
        reports = std::vector<Diagnostics>(4);
        in_group(4, [&](ProcessGroup& group) {
            const auto rank = static_cast<size_t>(group.rank());
            if (group.rank() == failed)
                reports[rank]
                    .error(DiagnosticKind::kBadFile, {reports[rank].sources().add("a.gmc", "")},
                           "is not there")
                    .help("compile it");
            together[rank] = roll_call(group, facts(group.rank()), reports[rank]) ? 1 : 0;
        });
    };
    call([](int) { return Facts{{"version", "1"}, {"model", "x"}}; }, -1);
    CHECK(together == std::vector<char>(4, 1));
    call([](int rank) { return Facts{{"version", rank == 2 ? "2" : "1"}}; }, -1);
    CHECK(together == std::vector<char>(4, 0));
    REQUIRE(reports[0].count() == 1);
    CHECK(reports[0].list()[0].text.find("the same version: process 0 on ") != std::string::npos);
    CHECK(reports[0].list()[0].text.find("process 2 on ") != std::string::npos);
    CHECK(reports[1].count() == 0);
    call([](int rank) { return Facts{{"version", rank == 0 ? "2" : "1"}}; }, -1);
    REQUIRE(reports[0].count() == 1);  // not one for each of three
    CHECK(reports[0].list()[0].text.find(" and 2 others have `1`") != std::string::npos);
    call([](int rank) { return Facts{{"version", std::to_string(rank / 2)}}; }, 1);
    REQUIRE(reports[0].count() == 2);
    CHECK(reports[0].list()[1].text.find(" and 1 other have `1`") != std::string::npos);
    call([](int) { return Facts{{"version", "1"}}; }, 3);
    CHECK(together == std::vector<char>(4, 0));
    REQUIRE(reports[0].count() == 1);
    CHECK(reports[0].list()[0].text.find(": a.gmc: is not there") != std::string::npos);
    CHECK(reports[0].list()[0].helps == std::vector<std::string>{"compile it"});
    call([](int) { return Facts{{"version", "1"}}; }, 0);
    CHECK(together == std::vector<char>(4, 0));
    CHECK(reports[0].count() == 1);  // its own error, and no other
}
