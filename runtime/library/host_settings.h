// What a call of the library changes in the thread that makes it, and puts back at its end.
#pragma once

namespace gmc::runtime {

/// While it lives, this thread computes with exactly `threads` OpenMP threads (OpenMP may not
/// choose fewer), and subnormal numbers are zero in all of them. A function was bound for a number
/// of threads, so every run of it needs as many. Throws std::system_error where the system does not
/// give so many threads.
class HostSettings {
  public:
    explicit HostSettings(int threads);
    ~HostSettings();
    HostSettings(const HostSettings&) = delete;
    HostSettings& operator=(const HostSettings&) = delete;

  private:
    int threads_, dynamic_;
    unsigned float_mode_;
};

/// The number of threads that OpenMP would take.
int usual_threads();
/// Whether this thread is one of an OpenMP team, so that parallel regions would get one thread.
bool is_in_team();
/// Whether this thread computed before the process was forked: OpenMP would wait for ever for its
/// team, whose threads the child does not have.
bool has_lost_team();

}  // namespace gmc::runtime
