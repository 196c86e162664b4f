// The threads that compute: one team for the whole process. A kernel divides its work into units,
// by its shapes alone, and calls run_units(). Every thread of the team begins with units of its own
// part, which is the same part in every call of that many units, so that it finds in its cache what
// it wrote before; a thread that has no more takes units of the others.
//
// The calling thread takes part. It waits only for units that another thread has begun: a thread
// that sleeps, or that the system runs later because other programs want the processor, delays a
// call by the unit that it holds, at most.
//
// Workers wait for the next call awake for a short time, since calls follow each other closely in a
// training step, and then asleep.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gmc::runtime {

/// Body of a call, without its type.
struct UnitBody {
    void (*run)(const void* body, int64_t unit, int worker);
    const void* body;
};

/// See run_units().
void run_unit_body(int64_t units, int workers, UnitBody body);

/// Runs body(unit, worker) once for each unit from 0 to `units` - 1, by at most `workers` threads,
/// and returns when all have ended. `worker` is below `workers`; units with the same worker run one
/// after another, worker 0 is the calling thread. Units run in any order, with the floating-point
/// mode of the caller. `body` must not throw.
///
/// Where the team is at work for another caller, or the caller is a unit of another call, the
/// calling thread runs all units itself.
template <typename Body>
void run_units(int64_t units, int workers, const Body& body) {
    run_unit_body(units, workers,
                  {[](const void* all, int64_t unit, int worker) {
                       (*static_cast<const Body*>(all))(unit, worker);
                   },
                   &body});
}

/// Runs body(begin, end, worker) for parts of the range from 0 to `count`, of at least `least` each
/// (or all of it), by at most `workers` threads. How it is divided depends on `count` and `least`
/// alone.
template <typename Body>
void run_parts(int64_t count, int64_t least, int workers, const Body& body) {
    constexpr int64_t kPartsMost = 48;
    const int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(least, 1), 1, kPartsMost);
    run_units(parts, workers, [&](int64_t part, int worker) {
        body(count * part / parts, count * (part + 1) / parts, worker);
    });
}

}  // namespace gmc::runtime
