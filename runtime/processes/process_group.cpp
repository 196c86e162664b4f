// Sums, broadcasts and gathering in terms of exchanges between two processes.
#include "runtime/processes/process_group.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>

#include "compiler/support/say.h"
#include "runtime/processes/numbers.h"

namespace gmc::runtime {
namespace {

/// How long the watch has to find why a message does not come.
constexpr std::chrono::seconds kForWatch{1};

std::vector<int> numbers_to(int end) {
    std::vector<int> numbers(static_cast<size_t>(end));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

}  // namespace

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport, std::unique_ptr<Watch> watch)
    : transport_(std::move(transport)),
      watch_(std::move(watch)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      machines_(numbers_to(size_)),
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
    if (watch_) watch_->waits(true);
    const std::string why = transport_->exchange(to, out, out_bytes, from, in, in_bytes);
    if (watch_) watch_->waits(false);
    if (why.empty()) return;
    if (watch_) std::this_thread::sleep_for(kForWatch);
    say("gmrun: process {} of {} lost the others: {}\n", transport_->rank(), size_, why);
    end_all(3);
}

void ProcessGroup::number_by_machine(const std::string& machine) {
    const std::vector<std::string> machines = gather(machine);
    std::vector<int> places = numbers_to(size_);
    const auto first_beside = [&](int place) {
        return std::find(machines.begin(), machines.end(), machines[place]) - machines.begin();
    };
    if (leads()) {
        std::stable_sort(places.begin(), places.end(),
                         [&](int a, int b) { return first_beside(a) < first_beside(b); });
        machine_names_.clear();
        for (const int place : places)
            machine_names_.push_back(static_cast<int>(first_beside(place)));
    }
    broadcast(places.data(), places.size() * sizeof(int));
    const int own = transport_->rank();
    rank_ = static_cast<int>(std::find(places.begin(), places.end(), own) - places.begin());
    places_ = std::move(places);
}

/// It is a message of its own, since processes of other versions are numbered, too.
void ProcessGroup::tell_machines() {
    std::vector<int> names = machine_names_.empty() ? numbers_to(size_) : machine_names_;
    broadcast(names.data(), names.size() * sizeof(int));
    machines_ = Machines(names);
    shards_ = 0;
}

void ProcessGroup::make_room(const SumJob& job) {
    if (!machines_.is_binary()) return make_room_by_machine(job);
    const int64_t half = job.count <= kWhole ? job.count : job.count / 2 + 2 * kRangeStep;
    make(received_, half);
    if (!job.rounded) return;
    make(bf16_in_, half);
    make(bf16_out_, half);
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
    if (!machines_.is_binary()) return sum_by_machine(job);
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

/// The rounds of a sum are gone back: in each, the partners exchange the halves that they have.
void ProcessGroup::spread(float* numbers, int64_t count, bool rounded) {
    if (!machines_.is_binary()) return spread_by_machine(numbers, count, rounded);
    for (int bit = size_ / 2; bit > 0; bit /= 2) {
        const NumberRange both = range_of({0, count}, bit, rank_ & (bit - 1));
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
