// Sums, broadcasts and gathering in terms of exchanges between two processes.
#include "runtime/processes/process_group.h"

#include <bit>

#include "compiler/support/check.h"

namespace gmc::runtime {
namespace {

/// Sums of up to so many numbers are exchanged whole: for few, time is latency.
constexpr int64_t kWhole = 4096;

}  // namespace

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), rank_(transport_->rank()), size_(transport_->size()) {}

void ProcessGroup::make_room(int64_t count) {
    const auto needed = static_cast<size_t>(count <= kWhole ? count : (count + 1) / 2);
    if (received_.size() < needed) received_.resize(needed);
}

/// Both partners compute a + b and b + a, which are the same bits.
void ProcessGroup::add_received(float* numbers, int64_t count) {
    const float* received = received_.data();
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) numbers[i] += received[i];
}

/// In round r each process exchanges all with the one whose rank differs in bit r.
void ProcessGroup::sum_small(float* numbers, int64_t count) {
    const auto bytes = static_cast<size_t>(count) * sizeof(float);
    for (int bit = 1; bit < size_; bit *= 2) {
        const int partner = rank_ ^ bit;
        transport_->exchange(partner, numbers, bytes, partner, received_.data(), bytes);
        add_received(numbers, count);
    }
}

/// The same tree with less to send: in round r the two partners split what they have, and each adds
/// up one half of it. At the end each has the sums of 1/size of the numbers, and the rounds are
/// gone back to exchange these.
void ProcessGroup::sum(float* numbers, int64_t count) {
    GMC_CHECK(std::has_single_bit(static_cast<unsigned>(size_)), "sums of {} processes", size_);
    make_room(count);
    if (count <= kWhole) return sum_small(numbers, count);
    const auto bytes = [](int64_t n) { return static_cast<size_t>(n) * sizeof(float); };
    parts_.assign(1, {0, count});
    for (int bit = 1; bit < size_; bit *= 2) {
        const Part part = parts_.back();
        const bool upper = (rank_ & bit) != 0;
        const Part mine = upper ? Part{part.middle(), part.end} : Part{part.begin, part.middle()};
        const Part other = upper ? Part{part.begin, part.middle()} : Part{part.middle(), part.end};
        const int partner = rank_ ^ bit;
        transport_->exchange(partner, numbers + other.begin, bytes(other.end - other.begin),
                             partner, received_.data(), bytes(mine.end - mine.begin));
        add_received(numbers + mine.begin, mine.end - mine.begin);
        parts_.push_back(mine);
    }
    for (int bit = size_ / 2; bit > 0; bit /= 2) {
        const Part mine = parts_.back();
        parts_.pop_back();
        const Part all = parts_.back();
        const Part other =
            mine.begin == all.begin ? Part{mine.end, all.end} : Part{all.begin, mine.begin};
        const int partner = rank_ ^ bit;
        transport_->exchange(partner, numbers + mine.begin, bytes(mine.end - mine.begin), partner,
                             numbers + other.begin, bytes(other.end - other.begin));
    }
}

/// A binomial tree: in each round those that have the bytes send them to as many others.
void ProcessGroup::broadcast(void* bytes, size_t count) {
    for (int bit = 1; bit < size_; bit *= 2) {
        if (rank_ < bit && rank_ + bit < size_)
            transport_->exchange(rank_ + bit, bytes, count, 0, nullptr, 0);
        else if (rank_ >= bit && rank_ < 2 * bit)
            transport_->exchange(0, nullptr, 0, rank_ - bit, bytes, count);
    }
}

std::string ProcessGroup::broadcast(const std::string& text) {
    uint64_t length = text.size();
    broadcast(&length, sizeof(length));
    std::string out = text;
    out.resize(length);
    broadcast(out.data(), length);
    return out;
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) {
    uint64_t length = text.size();
    if (!leads()) {
        transport_->exchange(0, &length, sizeof(length), 0, nullptr, 0);
        transport_->exchange(0, text.data(), length, 0, nullptr, 0);
        return {};
    }
    std::vector<std::string> all{text};
    for (int from = 1; from < size_; ++from) {
        transport_->exchange(0, nullptr, 0, from, &length, sizeof(length));
        std::string& got = all.emplace_back(length, '\0');
        transport_->exchange(0, nullptr, 0, from, got.data(), length);
    }
    return all;
}

}  // namespace gmc::runtime
