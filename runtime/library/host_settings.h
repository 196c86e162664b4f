// What a call of the library changes in the thread that makes it, and puts back at its end.
#pragma once

namespace gmc::runtime {

/// While it lives, what this thread calls is computed by `threads` threads, and subnormal numbers
/// are zero.
class HostSettings {
  public:
    explicit HostSettings(int threads);
    ~HostSettings();
    HostSettings(const HostSettings&) = delete;
    HostSettings& operator=(const HostSettings&) = delete;

  private:
    int threads_;
    unsigned float_mode_;
};

}  // namespace gmc::runtime
