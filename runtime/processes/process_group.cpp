// Sums, broadcasts and gathering in terms of exchanges between two processes.
#include "runtime/processes/process_group.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "compiler/support/check.h"
#include "compiler/support/say.h"
#include "runtime/kernels/bf16.h"

namespace gmc::runtime {
namespace {

/// Sums of up to so many numbers are exchanged whole: for few, time is latency.
constexpr int64_t kWhole = 4096;
/// How long the watch has to find why a message does not come.
constexpr std::chrono::seconds kForWatch{1};

}  // namespace

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport, std::unique_ptr<Watch> watch)
    : transport_(std::move(transport)),
      watch_(std::move(watch)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      background_([this](const SumJob& job) { compute(job); }) {
    transport_->sleep_while([this] { return background_.is_hidden(); });
    if (watch_) watch_->connect(*this);
}

void ProcessGroup::finish() {
    if (watch_) watch_->finish();
    transport_->finish();
}

void ProcessGroup::end_all(int code) {
    if (watch_) watch_->end_all(code);
    transport_->end_all(code);
    std::_Exit(code);  // not reached, which GCC does not see
}

/// Where another process has died, the watch is about to say so, and ends this one.
void ProcessGroup::exchange(int to, const void* out, size_t out_bytes, int from, void* in,
                            size_t in_bytes) {
    const std::string why = transport_->exchange(to, out, out_bytes, from, in, in_bytes);
    if (why.empty()) return;
    if (watch_) std::this_thread::sleep_for(kForWatch);
    say("gmrun: process {} of {} lost the others: {}\n", rank_, size_, why);
    end_all(3);
}

void ProcessGroup::make_room(int64_t count, bool rounded) {
    const auto needed = static_cast<size_t>(count <= kWhole ? count : (count + 1) / 2);
    if (received_.size() < needed) received_.resize(needed);
    if (!rounded || bf16_in_.size() >= needed) return;
    bf16_in_.resize(needed);
    bf16_out_.resize(needed);
}

/// Both partners compute a + b and b + a, which are the same bits.
void ProcessGroup::add_received(float* numbers, int64_t count, bool rounded) {
    const float* received = received_.data();
    if (rounded)
        for (int64_t i = 0; i < count; ++i) numbers[i] = rounded_to_bf16(numbers[i] + received[i]);
    else
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) numbers[i] += received[i];
}

/// Sends some numbers to the partner, and gets others from it.
void ProcessGroup::swap(int partner, const float* out, int64_t out_count, float* in,
                        int64_t in_count, bool rounded) {
    if (!rounded)
        return exchange(partner, out, static_cast<size_t>(out_count) * sizeof(float), partner, in,
                        static_cast<size_t>(in_count) * sizeof(float));
    for (int64_t i = 0; i < out_count; ++i) bf16_out_[i] = bf16_from_float(out[i]);
    exchange(partner, bf16_out_.data(), static_cast<size_t>(out_count) * sizeof(uint16_t), partner,
             bf16_in_.data(), static_cast<size_t>(in_count) * sizeof(uint16_t));
    for (int64_t i = 0; i < in_count; ++i) in[i] = float_from_bf16(bf16_in_[i]);
}

/// In round r each process exchanges all with the one whose rank differs in bit r.
void ProcessGroup::sum_whole(const SumJob& job) {
    for (int bit = 1; bit < size_; bit *= 2) {
        swap(rank_ ^ bit, job.numbers, job.count, received_.data(), job.count, job.rounded);
        add_received(job.numbers, job.count, job.rounded);
    }
}

/// The same tree with less to send: in round r the two partners split what they have, and each adds
/// up one half of it. At the end each has the sums of 1/size of the numbers, and the rounds are
/// gone back to exchange these.
void ProcessGroup::compute(const SumJob& job) {
    GMC_CHECK(std::has_single_bit(static_cast<unsigned>(size_)), "sums of {} processes", size_);
    make_room(job.count, job.rounded);
    if (job.count <= kWhole) return sum_whole(job);
    float* numbers = job.numbers;
    parts_.assign(1, {0, job.count});
    for (int bit = 1; bit < size_; bit *= 2) {
        const Part part = parts_.back();
        const bool upper = (rank_ & bit) != 0;
        const Part mine = upper ? Part{part.middle(), part.end} : Part{part.begin, part.middle()};
        const Part other = upper ? Part{part.begin, part.middle()} : Part{part.middle(), part.end};
        swap(rank_ ^ bit, numbers + other.begin, other.end - other.begin, received_.data(),
             mine.end - mine.begin, job.rounded);
        add_received(numbers + mine.begin, mine.end - mine.begin, job.rounded);
        parts_.push_back(mine);
    }
    for (int bit = size_ / 2; bit > 0; bit /= 2) {
        const Part mine = parts_.back();
        parts_.pop_back();
        const Part all = parts_.back();
        const Part other =
            mine.begin == all.begin ? Part{mine.end, all.end} : Part{all.begin, mine.begin};
        swap(rank_ ^ bit, numbers + mine.begin, mine.end - mine.begin, numbers + other.begin,
             other.end - other.begin, job.rounded);
    }
}

void ProcessGroup::sum(float* numbers, int64_t count, bool rounded) {
    background_.finish_all();
    const auto begin = std::chrono::steady_clock::now();
    compute({numbers, count, rounded});
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    time_.bytes += count * static_cast<int64_t>(sizeof(float));
    time_.busy_ns += took.count();
    time_.waited_ns += took.count();
}

void ProcessGroup::start_sum(float* numbers, int64_t count, bool rounded) {
    started_.push_back(numbers);
    background_.start({numbers, count, rounded});
}

bool ProcessGroup::finish_sums(const float* numbers, int64_t count) {
    const size_t begun = std::erase_if(
        started_, [&](const float* of) { return of >= numbers && of < numbers + count; });
    if (begun > 0) background_.finish(numbers, count);
    return begun > 0;
}

SumTime ProcessGroup::take_sum_time() {
    const SumTime own = std::exchange(time_, {}), other = background_.take_time();
    return {own.bytes + other.bytes, own.busy_ns + other.busy_ns, own.waited_ns + other.waited_ns};
}

/// A binomial tree: in each round those that have the bytes send them to as many others.
void ProcessGroup::broadcast(void* bytes, size_t count) {
    for (int bit = 1; bit < size_; bit *= 2) {
        if (rank_ < bit && rank_ + bit < size_)
            exchange(rank_ + bit, bytes, count, 0, nullptr, 0);
        else if (rank_ >= bit && rank_ < 2 * bit)
            exchange(0, nullptr, 0, rank_ - bit, bytes, count);
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
        exchange(0, &length, sizeof(length), 0, nullptr, 0);
        exchange(0, text.data(), length, 0, nullptr, 0);
        return {};
    }
    std::vector<std::string> all{text};
    for (int from = 1; from < size_; ++from) {
        exchange(0, nullptr, 0, from, &length, sizeof(length));
        std::string& got = all.emplace_back(length, '\0');
        exchange(0, nullptr, 0, from, got.data(), length);
    }
    return all;
}

int ProcessGroup::count_same(const std::string& text) {
    std::vector<std::string> all = gather(text);
    all.resize(static_cast<size_t>(size_));
    for (std::string& each : all) each = broadcast(each);
    return static_cast<int>(std::count(all.begin(), all.end(), text));
}

}  // namespace gmc::runtime
