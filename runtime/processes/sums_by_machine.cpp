// Sums over processes that do not suit a binary tree: their number is no power of two, or those of
// a machine are not.
//
// The shards of a process, and those of all processes of a machine, are several nodes of the tree.
// First each process of a machine gets, of a part of the numbers, the nodes of its fellows there,
// and adds these as far as they are halves of one: so what a machine has to send is the fewest
// nodes that its shards add up to. Then each process gets its range of the nodes of all machines,
// from one process of each, and adds them. The sums go back the same way: once to each machine, and
// there from the one that got them to its fellows.
#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/processes/numbers.h"
#include "runtime/processes/process_group.h"

namespace gmc::runtime {

/// A power of two of processes have a node each, however many shards there are.
void ProcessGroup::find_nodes(int64_t shards) {
    if (is_power_of_two()) shards = size_;
    if (shards_ == shards) return;
    GMC_CHECK(shards >= size_, "sums of {} shards in {} processes", shards, size_);
    shards_ = shards;
    const auto list = [&](const auto& first_rank, int parts, std::vector<ShardNode>& nodes,
                          std::vector<int64_t>& begins) {
        nodes.clear();
        begins.assign(1, 0);
        for (int part = 0; part < parts; ++part) {
            const int64_t first = first_shard(shards, size_, first_rank(part));
            const int64_t end = first_shard(shards, size_, first_rank(part + 1));
            for (const ShardNode& node : shard_nodes(first, end - first)) nodes.push_back(node);
            begins.push_back(static_cast<int64_t>(nodes.size()));
        }
    };
    list([](int rank) { return rank; }, size_, nodes_, first_node_);
    list([&](int machine) { return machines_.first(machine); }, machines_.count(), machine_nodes_,
         first_machine_node_);
}

/// What a process adds up: of few numbers all.
NumberRange ProcessGroup::part_of(int rank, int64_t count) const {
    if (count <= kWhole) return {0, count};
    return range_of({0, count}, size_, rank);
}

int ProcessGroup::fellow(int round) const {
    const int first = machines_.first(own_machine()),
              fellows = machines_.processes_on(own_machine());
    return first + (rank_ - first + fellows + round) % fellows;
}

/// Visits the ranges of the numbers that a process keeps for its machine, in order of rank.
template <typename Visit>
void ProcessGroup::for_kept(int keeper, int64_t count, Visit visit) const {
    if (count <= kWhole) return (void)visit(0, NumberRange{0, count});
    const int machine = machines_.of(keeper);
    for (int rank = 0; rank < size_; ++rank)
        if (machines_.keeper(machine, rank) == keeper) visit(rank, part_of(rank, count));
}

int64_t ProcessGroup::kept_count(int keeper, int64_t count) const {
    int64_t kept = 0;
    for_kept(keeper, count, [&](int, NumberRange range) { kept += range.count(); });
    return kept;
}

/// Where the range of a process lies among those that this process keeps.
int64_t ProcessGroup::place_in_kept(int rank, int64_t count) const {
    if (machines_.processes_on(own_machine()) == 1) return part_of(rank, count).begin;
    int64_t place = 0;
    for_kept(rank_, count, [&](int other, NumberRange range) {
        if (count > kWhole && other < rank) place += range.count();
    });
    return place;
}

/// The most numbers that a process has of its own range.
int64_t ProcessGroup::most_own(int64_t count) const {
    return count <= kWhole ? count : count / size_ + 2 * kRangeStep;
}

/// The most that one keeps for its machine.
int64_t ProcessGroup::most_kept(int64_t count) const {
    const int64_t ranges = 1 + (size_ - 1) / machines_.processes_on(own_machine());
    return count <= kWhole ? count : ranges * most_own(count);
}

void ProcessGroup::make_room_by_machine(const SumJob& job) {
    find_nodes(job.shards);
    const int machine = own_machine();
    const int64_t nodes_here =
        first_node_[machines_.first(machine + 1)] - first_node_[machines_.first(machine)];
    const auto all_nodes = static_cast<int64_t>(machine_nodes_.size());
    const int64_t own = all_nodes * most_own(job.count), kept = most_kept(job.count);
    const bool has_fellows = machines_.processes_on(machine) > 1;
    make(sent_, has_fellows ? std::max(own, nodes_of(rank_) * kept) : own);
    make(received_, has_fellows ? nodes_here * kept : 0);
    make(gathered_, own);
    if (!job.rounded) return;
    make(bf16_out_, static_cast<int64_t>(sent_.size()));
    make(bf16_in_, static_cast<int64_t>(std::max(received_.size(), gathered_.size())));
}

void ProcessGroup::sum_by_machine(const SumJob& job) {
    gather_in_machine(job);
    if (machines_.count() > 1) gather_from_machines(job);
    const NumberRange mine = part_of(rank_, job.count);
    std::copy_n(stack_[0].second, mine.count(), job.numbers + mine.begin);
    if (job.count > kWhole && !job.scattered)
        spread_by_machine(job.numbers, job.count, job.rounded);
}

/// Onto the stack: the nodes of this machine, each with the numbers that this process keeps.
void ProcessGroup::gather_in_machine(const SumJob& job) {
    const int machine = own_machine(), fellows = machines_.processes_on(machine);
    if (fellows == 1) {  // as they lie
        stack_.clear();
        for (int64_t node = 0; node < nodes_of(rank_); ++node)
            stack_.emplace_back(nodes_[static_cast<size_t>(first_node_[rank_] + node)],
                                job.numbers + node * job.stride);
        return;
    }
    const int64_t begin = first_node_[machines_.first(machine)];
    const int64_t end = first_node_[machines_.first(machine + 1)];
    const int64_t kept = kept_count(rank_, job.count);
    const auto copy = [&](int keeper, float* to) {
        for (int64_t node = 0; node < nodes_of(rank_); ++node)
            for_kept(keeper, job.count, [&](int, NumberRange range) {
                to = std::copy_n(job.numbers + node * job.stride + range.begin, range.count(), to);
            });
    };
    copy(rank_, received_.data() + (first_node_[rank_] - begin) * kept);
    for (int round = 1; round < fellows; ++round) {
        const int to = fellow(round), from = fellow(-round);
        copy(to, sent_.data());
        send_numbers(to, sent_.data(), kept_count(to, job.count) * nodes_of(rank_), from,
                     received_.data() + (first_node_[from] - begin) * kept, kept * nodes_of(from),
                     job.rounded);
    }
    add_nodes({nodes_.data() + begin, nodes_.data() + end}, received_.data(), kept, job.rounded,
              machines_.count() == 1);
}

/// Onto the stack, on which the nodes of this machine are: the sum of all, of this process's part.
void ProcessGroup::gather_from_machines(const SumJob& job) {
    const int machine = own_machine();
    const int64_t count = part_of(rank_, job.count).count();
    const auto nodes_on = [&](int m) {
        return first_machine_node_[m + 1] - first_machine_node_[m];
    };
    const auto copy = [&](int rank, float* to) {
        const int64_t place = place_in_kept(rank, job.count);
        for (const auto& [node, numbers] : stack_)
            to = std::copy_n(numbers + place, part_of(rank, job.count).count(), to);
    };
    copy(rank_, gathered_.data() + first_machine_node_[machine] * count);
    for (int round = 1; round < size_; ++round) {
        const int to = behind(round), from = behind(-round);
        const int there = machines_.of(to), here = machines_.of(from);
        const bool sends = there != machine && machines_.keeper(machine, to) == rank_;
        const bool receives = here != machine && machines_.keeper(here, rank_) == from;
        if (sends) copy(to, sent_.data());
        send_numbers(to, sent_.data(),
                     sends ? part_of(to, job.count).count() * nodes_on(machine) : 0, from,
                     gathered_.data() + first_machine_node_[here] * count,
                     receives ? count * nodes_on(here) : 0, job.rounded);
    }
    GMC_CHECK(static_cast<int64_t>(stack_.size()) == nodes_on(machine), "{} nodes, not {}",
              stack_.size(), nodes_on(machine));
    add_nodes(machine_nodes_, gathered_.data(), count, job.rounded, true);
}

/// Nodes, of `count` numbers each, are put on a stack. The last two are added as long as they are
/// the halves of one; with `all` at the end, where the number of shards is no power of two,
/// whatever they are.
void ProcessGroup::add_nodes(std::span<const ShardNode> nodes, float* numbers, int64_t count,
                             bool rounded, bool all) {
    stack_.clear();
    for (size_t i = 0; i < nodes.size(); ++i) {
        stack_.emplace_back(nodes[i], numbers + static_cast<int64_t>(i) * count);
        const bool is_end = all && i + 1 == nodes.size();
        while (stack_.size() > 1) {
            const auto [right, added] = stack_.back();
            auto& [left, sum] = stack_[stack_.size() - 2];
            if (!is_end && !are_halves(left, right)) break;
            add_numbers(sum, added, count, rounded);
            left.count *= 2;
            stack_.pop_back();
        }
    }
}

/// Each range goes once to each other machine, where the process that gets it gives it to the
/// others.
void ProcessGroup::spread_by_machine(float* numbers, int64_t count, bool rounded) {
    const auto range = [&](int rank) { return range_of({0, count}, size_, rank); };
    const int machine = own_machine();
    const NumberRange mine = range(rank_);
    for (int round = 1; round < size_; ++round) {
        const int to = behind(round), from = behind(-round);
        const int there = machines_.of(to), here = machines_.of(from);
        const bool sends = there != machine && machines_.keeper(there, rank_) == to;
        const bool receives = here != machine && machines_.keeper(machine, from) == rank_;
        send_numbers(to, numbers + mine.begin, sends ? mine.count() : 0, from,
                     numbers + range(from).begin, receives ? range(from).count() : 0, rounded);
    }
    if (machines_.processes_on(machine) == 1) return;
    make(sent_, most_kept(count));
    make(received_, most_kept(count));
    const auto visit_kept = [&](int keeper, const auto& visit) {
        for (int rank = 0; rank < size_; ++rank)
            if (machines_.keeper(machine, rank) == keeper) visit(range(rank));
    };
    float* end = sent_.data();
    visit_kept(rank_, [&](NumberRange kept) {
        end = std::copy_n(numbers + kept.begin, kept.count(), end);
    });
    for (int round = 1; round < machines_.processes_on(machine); ++round) {
        const int to = fellow(round), from = fellow(-round);
        int64_t received = 0;
        visit_kept(from, [&](NumberRange kept) { received += kept.count(); });
        send_numbers(to, sent_.data(), end - sent_.data(), from, received_.data(), received,
                     rounded);
        const float* next = received_.data();
        visit_kept(from, [&](NumberRange kept) {
            std::copy_n(next, kept.count(), numbers + kept.begin);
            next += kept.count();
        });
    }
}

}  // namespace gmc::runtime
