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

/// Both partners of an exchange compute a + b and b + a, which are the same bits.
void add_numbers(float* sum, const float* added, int64_t count, bool rounded) {
    if (rounded)
        for (int64_t i = 0; i < count; ++i) sum[i] = rounded_to_bf16(sum[i] + added[i]);
    else
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) sum[i] += added[i];
}

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
    if (!places_.empty()) to = places_[to], from = places_[from];
    const std::string why = transport_->exchange(to, out, out_bytes, from, in, in_bytes);
    if (why.empty()) return;
    if (watch_) std::this_thread::sleep_for(kForWatch);
    say("gmrun: process {} of {} lost the others: {}\n", transport_->rank(), size_, why);
    end_all(3);
}

void ProcessGroup::number_by_machine(const std::string& machine) {
    const std::vector<std::string> machines = gather(machine);
    std::vector<int> places(static_cast<size_t>(size_));
    for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int>(i);
    const auto first_beside = [&](int place) {
        return std::find(machines.begin(), machines.end(), machines[place]) - machines.begin();
    };
    if (leads())
        std::stable_sort(places.begin(), places.end(),
                         [&](int a, int b) { return first_beside(a) < first_beside(b); });
    broadcast(places.data(), places.size() * sizeof(int));
    const int own = transport_->rank();
    rank_ = static_cast<int>(std::find(places.begin(), places.end(), own) - places.begin());
    places_ = std::move(places);
}

void ProcessGroup::make_room(const SumJob& job) {
    const auto make = [](auto& numbers, int64_t count) {
        if (numbers.size() < static_cast<size_t>(count)) numbers.resize(static_cast<size_t>(count));
    };
    const auto share_of = [&](int64_t processes) {
        return job.count <= kWhole ? job.count : job.count / processes + 2 * kRangeStep;
    };
    int64_t received = share_of(2), sent = received;
    if (!is_power_of_two()) {
        find_nodes(job.shards);
        const int64_t part = share_of(size_);
        received = part * static_cast<int64_t>(nodes_.size());
        sent = part * nodes_of(rank_);
        make(sent_, sent);
    }
    make(received_, received);
    if (!job.rounded) return;
    make(bf16_in_, received);
    make(bf16_out_, sent);
}

/// Sends some numbers to a process, and gets others from one.
void ProcessGroup::send_numbers(int to, const float* out, int64_t out_count, int from, float* in,
                                int64_t in_count, bool rounded) {
    if (!rounded)
        return exchange(to, out, static_cast<size_t>(out_count) * sizeof(float), from, in,
                        static_cast<size_t>(in_count) * sizeof(float));
    for (int64_t i = 0; i < out_count; ++i) bf16_out_[i] = bf16_from_float(out[i]);
    exchange(to, bf16_out_.data(), static_cast<size_t>(out_count) * sizeof(uint16_t), from,
             bf16_in_.data(), static_cast<size_t>(in_count) * sizeof(uint16_t));
    for (int64_t i = 0; i < in_count; ++i) in[i] = float_from_bf16(bf16_in_[i]);
}

/// In round r each process exchanges all with the one whose rank differs in bit r.
void ProcessGroup::sum_whole(const SumJob& job) {
    for (int bit = 1; bit < size_; bit *= 2) {
        const int partner = rank_ ^ bit;
        send_numbers(partner, job.numbers, job.count, partner, received_.data(), job.count,
                     job.rounded);
        add_numbers(job.numbers, received_.data(), job.count, job.rounded);
    }
}

/// The same tree with less to send: in round r the two partners split what they have, and each adds
/// up one half of it. At the end each has the sums of its range.
void ProcessGroup::compute(const SumJob& job) {
    make_room(job);
    if (!is_power_of_two()) return sum_unevenly(job);
    if (job.count <= kWhole) return sum_whole(job);
    float* numbers = job.numbers;
    NumberRange range{0, job.count};
    for (int bit = 1; bit < size_; bit *= 2) {
        const bool upper = (rank_ & bit) != 0;
        const NumberRange mine = half_of(range, upper), other = half_of(range, !upper);
        const int partner = rank_ ^ bit;
        send_numbers(partner, numbers + other.begin, other.count(), partner, received_.data(),
                     mine.count(), job.rounded);
        add_numbers(numbers + mine.begin, received_.data(), mine.count(), job.rounded);
        range = mine;
    }
    if (!job.scattered) spread(numbers, job.count, job.rounded);
}

/// Where the number of processes is a power of two, the rounds of a sum are gone back: in each, the
/// partners exchange the halves that they have. Else each process sends its range to each.
void ProcessGroup::spread(float* numbers, int64_t count, bool rounded) {
    const NumberRange all{0, count};
    if (!is_power_of_two()) {
        const NumberRange mine = range_of(all, size_, rank_);
        for (int round = 1; round < size_; ++round) {
            const int from = (rank_ + size_ - round) % size_;
            const NumberRange other = range_of(all, size_, from);
            send_numbers((rank_ + round) % size_, numbers + mine.begin, mine.count(), from,
                         numbers + other.begin, other.count(), rounded);
        }
        return;
    }
    for (int bit = size_ / 2; bit > 0; bit /= 2) {
        const NumberRange both = range_of(all, bit, rank_ & (bit - 1));
        const bool upper = (rank_ & bit) != 0;
        const NumberRange mine = half_of(both, upper), other = half_of(both, !upper);
        send_numbers(rank_ ^ bit, numbers + mine.begin, mine.count(), rank_ ^ bit,
                     numbers + other.begin, other.count(), rounded);
    }
}

void ProcessGroup::gather_ranges(float* numbers, int64_t count) {
    background_.finish_all();
    const auto begin = std::chrono::steady_clock::now();
    spread(numbers, count, false);
    note_time(begin, static_cast<size_t>(count) * sizeof(float));
}

void ProcessGroup::find_nodes(int64_t shards) {
    if (shards_ == shards) return;
    GMC_CHECK(shards >= size_, "sums of {} shards in {} processes", shards, size_);
    shards_ = shards;
    nodes_.clear();
    first_node_.assign(1, 0);
    for (int rank = 0; rank < size_; ++rank) {
        const int64_t first = first_shard(shards, size_, rank);
        const int64_t end = first_shard(shards, size_, rank + 1);
        for (const ShardNode& node : shard_nodes(first, end - first)) nodes_.push_back(node);
        first_node_.push_back(static_cast<int64_t>(nodes_.size()));
    }
}

/// Of few numbers each process adds up all.
NumberRange ProcessGroup::part_of(int rank, int64_t count) const {
    if (count <= kWhole) return {0, count};
    return range_of({0, count}, size_, rank);
}

/// Each process gets a part of the numbers of all nodes, adds these up, and gives the sums to all.
void ProcessGroup::sum_unevenly(const SumJob& job) {
    gather_nodes(job);
    add_nodes(job);
    if (job.count > kWhole && !job.scattered) spread(job.numbers, job.count, job.rounded);
}

/// Into received_: this process's part of the nodes, one behind the other.
void ProcessGroup::gather_nodes(const SumJob& job) {
    const NumberRange mine = part_of(rank_, job.count);
    const auto copy = [&](NumberRange part, float* to) {
        for (int64_t node = 0; node < nodes_of(rank_); ++node)
            to = std::copy_n(job.numbers + node * job.stride + part.begin, part.count(), to);
    };
    copy(mine, received_.data() + first_node_[rank_] * mine.count());
    for (int round = 1; round < size_; ++round) {
        const int to = (rank_ + round) % size_, from = (rank_ + size_ - round) % size_;
        const NumberRange theirs = part_of(to, job.count);
        copy(theirs, sent_.data());
        send_numbers(to, sent_.data(), theirs.count() * nodes_of(rank_), from,
                     received_.data() + first_node_[from] * mine.count(),
                     mine.count() * nodes_of(from), job.rounded);
    }
}

/// Nodes are put on a stack. The last two are added as long as they are the halves of one, and at
/// the end, where the number of shards is no power of two, whatever they are.
void ProcessGroup::add_nodes(const SumJob& job) {
    const NumberRange mine = part_of(rank_, job.count);
    stack_.clear();
    for (size_t i = 0; i < nodes_.size(); ++i) {
        stack_.emplace_back(nodes_[i], received_.data() + static_cast<int64_t>(i) * mine.count());
        const bool is_last = i + 1 == nodes_.size();
        while (stack_.size() > 1) {
            const auto [right, added] = stack_.back();
            auto& [left, sum] = stack_[stack_.size() - 2];
            if (!is_last && !are_halves(left, right)) break;
            add_numbers(sum, added, mine.count(), job.rounded);
            left.count *= 2;
            stack_.pop_back();
        }
    }
    std::copy_n(received_.data(), mine.count(), job.numbers + mine.begin);
}

void ProcessGroup::sum(const SumJob& job) {
    background_.finish_all();
    const auto begin = std::chrono::steady_clock::now();
    compute(job);
    note_time(begin, static_cast<size_t>(job.count) * sizeof(float));
}

void ProcessGroup::note_time(std::chrono::steady_clock::time_point begin, size_t bytes) {
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    time_.bytes += static_cast<int64_t>(bytes);
    time_.busy_ns += took.count();
    time_.waited_ns += took.count();
}

/// In round r each process sends its part to the r-th process behind it.
void ProcessGroup::gather_all(void* all, const std::vector<size_t>& begins) {
    background_.finish_all();
    const auto begin = std::chrono::steady_clock::now();
    auto* bytes = static_cast<std::byte*>(all);
    const auto count = [&](int rank) { return begins[rank + 1] - begins[rank]; };
    for (int round = 1; round < size_; ++round) {
        const int to = (rank_ + round) % size_, from = (rank_ + size_ - round) % size_;
        exchange(to, bytes + begins[rank_], count(rank_), from, bytes + begins[from], count(from));
    }
    note_time(begin, begins.back());
}

void ProcessGroup::start_sum(const SumJob& job) {
    started_.push_back(job.numbers);
    background_.start(job);
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
