// The processes that train one model together. Process 0 leads: it alone reads and writes the run's
// folder; the others compute their shards of each batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/support/shards.h"
#include "runtime/processes/background_sums.h"
#include "runtime/processes/machines.h"
#include "runtime/processes/transport.h"
#include "runtime/processes/watch.h"

namespace gmc::runtime {

/// Every process makes the same calls in the same order.
class ProcessGroup {
  public:
    /// Where there is a watch, it is connected.
    explicit ProcessGroup(std::unique_ptr<Transport> transport,
                          std::unique_ptr<Watch> watch = nullptr);
    ProcessGroup(const ProcessGroup&) = delete;
    ProcessGroup& operator=(const ProcessGroup&) = delete;

    int rank() const { return rank_; }
    int size() const { return size_; }
    bool leads() const { return rank_ == 0; }

    /// Numbers the processes anew: those of one machine get neighbouring numbers, so that partners
    /// in the first rounds of a sum are on one machine, as far as that goes, and what crosses the
    /// network is halved before. Process 0 stays the first. `machine`: the name of this one.
    void number_by_machine(const std::string& machine);
    /// Tells all which processes are on one machine, as number_by_machine() has found: sums go by
    /// that from now on. Without it each process is taken to be on one of its own.
    void tell_machines();
    const Machines& machines() const { return machines_; }

    /// Makes room for such sums, so that they allocate nothing.
    void make_room(const SumJob& job);
    /// Adds up the numbers of all processes, which all get the sums. What the processes have are
    /// parts of a binary tree, (p0 + p1) + (p2 + p3), in order of rank: the bits are those of one
    /// process that adds so. `rounded`: the numbers are those of bf16, and each sum of two is
    /// rounded to one; messages have half the bytes. Sums that were begun are finished first.
    /// Where the number of processes is no power of two, the job says how many shards there are.
    void sum(const SumJob& job);
    /// Gives all processes what each has of these numbers, its range_of() them. Sums that were
    /// begun are finished first.
    void gather_ranges(float* numbers, int64_t count);
    /// Begins a sum, and computes it on another thread. Nothing may touch the numbers until
    /// finish_sums(), and no message may be exchanged but by sums.
    void start_sum(const SumJob& job);
    /// Waits for the sums of these numbers, which may be in several parts. False where none was
    /// begun.
    bool finish_sums(const float* numbers, int64_t count);
    /// Of the sums, gather_ranges() and gather_all() since the last call.
    SumTime take_sum_time();

    /// Puts together what the processes have parts of: process r has bytes [begins[r],
    /// begins[r + 1]) of `all`, and gets the rest. Sums that were begun are finished first.
    void gather_all(void* all, const std::vector<size_t>& begins);

    /// Process 0 gives, all get.
    void broadcast(void* bytes, size_t count);
    /// The text of process 0.
    std::string broadcast(const std::string& text);
    /// In process 0 the texts of all, by rank; in others nothing.
    std::vector<std::string> gather(const std::string& text);
    /// How many processes give this text, this one included.
    int count_same(const std::string& text);

    /// Says that this process needs no more messages. All have to call it before they end.
    void finish();
    /// Ends all processes with this exit code, within seconds. This one has said why. A message
    /// that cannot be sent does so with exit code 3: without a process the others cannot go on.
    [[noreturn]] void end_all(int code);

  private:
    /// Transport::exchange(), or the end of all.
    void exchange(int to, const void* out, size_t out_bytes, int from, void* in, size_t in_bytes);
    void compute(const SumJob& job);
    void note_time(std::chrono::steady_clock::time_point begin, size_t bytes);
    void sum_whole(const SumJob& job);
    void spread(float* numbers, int64_t count, bool rounded);

    // Where the processes do not suit a binary tree (Machines::is_binary):
    bool is_power_of_two() const { return (size_ & (size_ - 1)) == 0; }
    void find_nodes(int64_t shards);
    void make_room_by_machine(const SumJob& job);
    void sum_by_machine(const SumJob& job);
    void gather_in_machine(const SumJob& job);
    void gather_from_machines(const SumJob& job);
    void add_nodes(std::span<const ShardNode> nodes, float* numbers, int64_t count, bool rounded,
                   bool all);
    void spread_by_machine(float* numbers, int64_t count, bool rounded);
    NumberRange part_of(int rank, int64_t count) const;
    template <typename Visit>
    void for_kept(int keeper, int64_t count, Visit visit) const;
    int64_t most_own(int64_t count) const;
    int64_t most_kept(int64_t count) const;
    int64_t kept_count(int keeper, int64_t count) const;
    int64_t place_in_kept(int rank, int64_t count) const;
    int64_t nodes_of(int rank) const { return first_node_[rank + 1] - first_node_[rank]; }
    int own_machine() const { return machines_.of(rank_); }
    /// The process that follows this one so many times on its machine, or among all.
    int fellow(int round) const;
    int behind(int round) const { return (rank_ + size_ + round) % size_; }
    void send_numbers(int to, const float* out, int64_t out_count, int from, float* in,
                      int64_t in_count, bool rounded);

    std::unique_ptr<Transport> transport_;
    std::unique_ptr<Watch> watch_;
    int rank_, size_;
    std::vector<int> places_;         ///< by rank: the number in transport_; empty: the same
    std::vector<int> machine_names_;  ///< in process 0: by rank, which machine
    Machines machines_;
    std::vector<float> received_;
    std::vector<uint16_t> bf16_out_, bf16_in_;  ///< messages of sums that are rounded
    // Where the processes do not suit a binary tree:
    int64_t shards_ = 0;                       ///< for which the next four are
    std::vector<ShardNode> nodes_;             ///< of all processes, by rank
    std::vector<int64_t> first_node_;          ///< of each process, and the number of all
    std::vector<ShardNode> machine_nodes_;     ///< what those of each machine add up to
    std::vector<int64_t> first_machine_node_;  ///< of each machine, and the number of all
    std::vector<float> sent_, gathered_;
    std::vector<std::pair<ShardNode, float*>> stack_;  ///< of a sum: nodes to be added
    std::vector<const float*> started_;                ///< by start_sum(), and not finished
    SumTime time_;                                     ///< of what was not begun by start_sum()
    BackgroundSums background_;
};

/// The group that mpirun has started this process in; null where it runs alone. `why` says what is
/// wrong where it cannot be joined; its help is in `help`.
std::unique_ptr<ProcessGroup> join_group(WatchQuestions questions, std::string& why,
                                         std::string& help);

}  // namespace gmc::runtime
