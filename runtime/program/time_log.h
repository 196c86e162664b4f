// When operations ran.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gmc::ir {
struct Function;
}

namespace gmc::runtime {

/// When something ran, in nanoseconds of std::chrono::steady_clock.
struct TimeSpan {
    int64_t begin_ns = 0, end_ns = 0;
    int64_t ns() const { return end_ns - begin_ns; }
};
int64_t steady_ns();

/// One run of one operation of a function. That of a scan comes before those of its body, which lie
/// within its time, pass after pass.
struct OperationTime {
    const ir::Function* function = nullptr;
    size_t operation = 0;
    TimeSpan time;
};
using TimeLog = std::vector<OperationTime>;

/// Appends the time that `work` takes.
template <typename Work>
void log_time(TimeLog& log, const ir::Function& function, size_t operation, const Work& work) {
    const size_t at = log.size();
    log.push_back({&function, operation, {steady_ns(), 0}});
    work();
    log[at].time.end_ns = steady_ns();
}

}  // namespace gmc::runtime
