// The communication of a training step on many processes, without its arithmetic: it sleeps as long
// as operations take, and sends what runtime/processes/process_group sends. It runs on machines
// (mpicxx, mpirun) and in the simulator SimGrid (smpicxx, smpirun), which knows the time that
// messages need in a network of any size; the time of sleeping passes there, too.
//
// Usage: skeleton NAP / STEPS MODE ADD WIRE PHASE... [/ STEPS MODE ...]
//   NAP    microseconds that it sleeps before it looks for messages; 0: as gmrun does
//   MODE   end: all sums of a phase after its computation; overlap: each as soon as its numbers are
//          final; shard: as overlap, and each process updates its part of the parameters, which are
//          then exchanged; local=H: parameters are averaged every H steps, nothing else is sent;
//          pair: neighbours exchange the numbers of a phase once, by which a network is measured
//   ADD    numbers per second that a process adds up
//   WIRE   bytes of a number in a message: 4 or 2
//   PHASE  what comes before an update, and the update (a GAN's step has two):
//          COMPUTE,UPDATE,READY:NUMBERS,...: seconds of both, and after how many seconds so many
//          numbers of gradients are final
// Process 0 prints the seconds of a step of each: the mean of STEPS after one that does not count.
#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// In the simulator all processes are in one, and memory whose contents do not matter is shared.
#ifdef SMPI_SHARED_MALLOC
#define IS_SIMULATED 1
#else
#define IS_SIMULATED 0
#define SMPI_SHARED_MALLOC malloc
#include "runtime/processes/mpi/exchange.h"
#endif

namespace {

struct Bucket {
    double ready;
    long numbers;
};

struct Phase {
    double compute = 0, update = 0;
    std::vector<Bucket> buckets;

    long numbers() const {
        long sum = 0;
        for (const Bucket& bucket : buckets) sum += bucket.numbers;
        return sum;
    }
};

struct Plan {
    long steps = 1, local = 0;
    bool overlap = false, shard = false, pair = false;
    double add = 1e9;
    long wire = 4;
    std::vector<Phase> phases;

    long numbers() const {
        long sum = 0;
        for (const Phase& phase : phases) sum += phase.numbers();
        return sum;
    }
};

/// A process. There are no global variables, since the simulator runs all processes in one.
struct Process {
    int rank = 0, count = 1;
    useconds_t nap = 0;
    char *sent = nullptr, *received = nullptr;
};

void sleep_for(double seconds) {
    if (seconds > 0) usleep(static_cast<useconds_t>(seconds * 1e6));
}
void sleep_until(double time) { sleep_for(time - MPI_Wtime()); }

#if IS_SIMULATED
void send_and_receive(const Process& me, int partner, int bytes) {
    MPI_Sendrecv(me.sent, bytes, MPI_BYTE, partner, 0, me.received, bytes, MPI_BYTE, partner, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}
#else
/// As runtime/processes/mpi does with a process on another machine.
void send_and_receive(const Process& me, int partner, int bytes) {
    using namespace gmc::runtime;
    Way in = Way::from(partner, me.received, bytes, kShortPiece, 0, MPI_COMM_WORLD);
    Way out = Way::to(partner, me.sent, bytes, kShortPiece, 0, MPI_COMM_WORLD);
    gmc::runtime::exchange(out, in, [&] {
        if (me.nap > 0) usleep(me.nap);
        return false;
    });
}
#endif

/// MPI counts in int.
void exchange(const Process& me, int partner, long bytes) {
    constexpr long kMost = 1L << 30;
    for (; bytes > 0; bytes -= kMost)
        send_and_receive(me, partner, static_cast<int>(std::min(bytes, kMost)));
}

/// The first half of ProcessGroup::sum: each exchange halves what is left.
void scatter_sums(const Process& me, const Plan& plan, long numbers) {
    for (int bit = 1; bit < me.count; bit *= 2) {
        numbers = (numbers + 1) / 2;
        exchange(me, me.rank ^ bit, numbers * plan.wire);
        sleep_for(static_cast<double>(numbers) / plan.add);
    }
}

/// The second half: each exchange doubles it.
void gather(const Process& me, const Plan& plan, long numbers) {
    for (int bit = me.count / 2; bit > 0; bit /= 2)
        exchange(me, me.rank ^ bit, std::max(numbers / (2 * bit), 1L) * plan.wire);
}

void sum(const Process& me, const Plan& plan, long numbers) {
    scatter_sums(me, plan, numbers);
    gather(me, plan, numbers);
}

void run_phase(const Process& me, const Plan& plan, const Phase& phase) {
    const double start = MPI_Wtime(), computed = start + phase.compute;
    if (plan.local > 0) return sleep_for(phase.compute + phase.update);
    if (!plan.overlap) {
        sleep_until(computed);
        if (plan.pair) return exchange(me, me.rank ^ 1, phase.numbers() * plan.wire);
        sum(me, plan, phase.numbers());
        return sleep_for(phase.update);
    }
    for (const Bucket& bucket : phase.buckets) {
        sleep_until(start + bucket.ready);
        plan.shard ? scatter_sums(me, plan, bucket.numbers) : sum(me, plan, bucket.numbers);
    }
    sleep_until(computed);
    sleep_for(plan.shard ? phase.update / me.count : phase.update);
    if (plan.shard) gather(me, plan, phase.numbers());
}

void run_step(const Process& me, const Plan& plan, long step) {
    for (const Phase& phase : plan.phases) run_phase(me, plan, phase);
    if (plan.local > 0 && (step + 1) % plan.local == 0) sum(me, plan, plan.numbers());
}

Phase phase_of(char* word) {
    Phase phase;
    phase.compute = std::strtod(word, &word);
    phase.update = std::strtod(word + 1, &word);
    while (*word == ',') {
        const double ready = std::strtod(word + 1, &word);
        phase.buckets.push_back({ready, std::strtol(word + 1, &word, 10)});
    }
    return phase;
}

Plan plan_of(int count, char** words) {
    Plan plan;
    if (count < 6) {
        std::fprintf(stderr, "skeleton: STEPS MODE ADD WIRE PHASE...\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    const std::string mode = words[2];
    plan.steps = std::atol(words[1]);
    plan.shard = mode == "shard";
    plan.pair = mode == "pair";
    plan.overlap = mode == "overlap" || plan.shard;
    if (mode.rfind("local=", 0) == 0) plan.local = std::atol(mode.c_str() + 6);
    plan.add = std::atof(words[3]);
    plan.wire = std::atol(words[4]);
    for (int i = 5; i < count; ++i) plan.phases.push_back(phase_of(words[i]));
    return plan;
}

}  // namespace

/// Seconds of a step.
static double measure(Process me, const Plan& plan) {
    const auto bytes = static_cast<size_t>(std::max(plan.numbers(), 1L) * plan.wire);
    me.sent = static_cast<char*>(SMPI_SHARED_MALLOC(bytes)),
    me.received = static_cast<char*>(SMPI_SHARED_MALLOC(bytes));
#if !IS_SIMULATED
    std::memset(me.sent, 1, bytes), std::memset(me.received, 1, bytes);
#endif
    const long unit = std::max(plan.local, 1L);
    for (long step = 0; step < unit; ++step) run_step(me, plan, step);
    sum(me, plan, 1);  // all begin together; MPI's own barrier would keep processors busy
    const double start = MPI_Wtime();
    for (long step = 0; step < plan.steps * unit; ++step) run_step(me, plan, step);
    const double seconds = (MPI_Wtime() - start) / static_cast<double>(plan.steps * unit);
#if !IS_SIMULATED
    std::free(me.sent), std::free(me.received);
#endif
    return seconds;
}

int main(int count, char** words) {
    MPI_Init(&count, &words);
    Process me;
    MPI_Comm_rank(MPI_COMM_WORLD, &me.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &me.count);
    me.nap = count > 1 ? static_cast<useconds_t>(std::atoi(words[1])) : 0;
    for (int begin = 2, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && std::strcmp(words[end], "/") != 0;) ++end;
        const double seconds = measure(me, plan_of(end - begin, words + begin));
        if (me.rank == 0) std::printf("%.6f\n", seconds);
    }
    MPI_Finalize();
}
