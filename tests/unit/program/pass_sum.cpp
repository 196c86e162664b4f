// Sums over the passes of a scan: a binary tree, whatever is kept of it at a time.
#include "runtime/program/pass_sum.h"

#include <cstring>
#include <random>

#include "runtime/kernels/bf16.h"
#include "tests/catch.h"
#include "tests/unit/program/thread_group.h"

using namespace gmc::runtime;

namespace {

std::vector<float> random_numbers(std::mt19937& random, int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> numbers(static_cast<size_t>(count));
    for (float& x : numbers) x = normal(random) * std::exp(4 * normal(random));
    return numbers;
}

/// (p0 + p1) + (p2 + p3), element by element.
std::vector<float> tree_of(std::vector<std::vector<float>> parts, bool rounded) {
    const auto stored = [&](float x) { return rounded ? rounded_to_bf16(x) : x; };
    for (std::vector<float>& part : parts)
        for (float& x : part) x = stored(x);
    while (parts.size() > 1) {
        std::vector<std::vector<float>> next;
        for (size_t i = 0; i < parts.size(); i += 2) {
            next.push_back(parts[i]);
            for (size_t k = 0; k < parts[i].size(); ++k)
                next.back()[k] = stored(parts[i][k] + parts[i + 1][k]);
        }
        parts = std::move(next);
    }
    return parts[0];
}

/// What a process adds up of its passes, from `first` on.
std::vector<float> sum_of_passes(const std::vector<std::vector<float>>& parts, size_t first,
                                 size_t passes, bool rounded) {
    const size_t count = parts[0].size();
    std::vector<float> each(count), sum(count);
    std::vector<std::vector<float>> kept;
    for (size_t half = 2; half < passes; half *= 2) kept.emplace_back(count);
    std::vector<ShardNode> nodes =
        shard_nodes(static_cast<int64_t>(first), static_cast<int64_t>(passes));
    sum.resize(count * nodes.size());
    std::vector<float*> places;
    for (std::vector<float>& one : kept) places.push_back(one.data());
    PassSum adder(each.data(), places, sum.data(), static_cast<int64_t>(count), rounded, nodes);
    for (size_t pass = 0; pass < passes; ++pass) {
        each = parts[first + pass];
        adder.add(static_cast<int64_t>(pass));
    }
    return sum;
}

}  // namespace

TEST_CASE("passes are added up as a binary tree, by any number of processes", "[shards]") {
    std::mt19937 random(1);
    for (const size_t passes : {1, 2, 4, 16})
        for (const int64_t count : {1, 1000, 20000})
            for (const bool rounded : {false, true}) {
                std::vector<std::vector<float>> parts;
                for (size_t i = 0; i < passes; ++i) parts.push_back(random_numbers(random, count));
                const std::vector<float> expected = tree_of(parts, rounded);
                for (size_t size = 1; size <= passes; ++size) {
                    std::vector<std::vector<float>> sums(size);
                    in_group(static_cast<int>(size), [&](ProcessGroup& group) {
                        const auto rank = static_cast<size_t>(group.rank());
                        const size_t first = passes * rank / size;
                        const size_t own = passes * (rank + 1) / size - first;
                        sums[rank] = sum_of_passes(parts, first, own, rounded);
                        const auto job = [&](std::vector<float>& numbers) {
                            return SumJob{numbers.data(), count, rounded,
                                          static_cast<int64_t>(passes), count};
                        };
                        // Another sum is begun before the first is waited for, and one after it.
                        std::vector<float> other = sums[rank], last = other;
                        group.start_sum(job(sums[rank]));
                        group.start_sum(job(other));
                        const bool begun = group.finish_sums(sums[rank].data(), count);
                        group.sum(job(last));
                        const bool finished = group.finish_sums(other.data(), count);
                        if (!begun || !finished || group.finish_sums(last.data(), count) ||
                            other != sums[rank] || last != other)
                            sums[rank].clear();
                        else
                            sums[rank].resize(static_cast<size_t>(count));
                    });
                    for (const std::vector<float>& sum : sums) {
                        REQUIRE(sum.size() == expected.size());
                        CHECK(std::memcmp(sum.data(), expected.data(), expected.size() * 4) == 0);
                    }
                }
            }
}
