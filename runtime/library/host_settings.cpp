// Saves the caller's floating-point mode and number of threads, sets ours, and puts theirs back.
#include "runtime/library/host_settings.h"

#include "runtime/threads/float_mode.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {

HostSettings::HostSettings(int threads) : threads_(thread_count()), float_mode_(float_mode()) {
    set_thread_count(threads);
    flush_denormals();
}

HostSettings::~HostSettings() {
    set_float_mode(float_mode_);
    set_thread_count(threads_);
}

}  // namespace gmc::runtime
