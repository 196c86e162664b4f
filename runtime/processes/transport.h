// Messages between the processes of a run. A plug-in library per MPI implements it (mpi/), which is
// loaded only where mpirun has started the process: gmrun itself needs no MPI.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace gmc::runtime {

/// The processes are numbered from 0. One thread at a time uses it.
class Transport {
  public:
    virtual ~Transport() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// Sends `out` to a process, and receives `in` from one, at the same time; either may be empty.
    /// Processes send messages of the sizes that the others receive, in the same order. "", or what
    /// went wrong, after which there are no more messages.
    [[nodiscard]] virtual std::string exchange(int to, const void* out, size_t out_bytes, int from,
                                               void* in, size_t in_bytes) = 0;
    /// Ends all processes with this exit code. It may hang.
    [[noreturn]] virtual void end_all(int code) = 0;
    /// Says that this process needs no more messages. All have to call it before they end.
    virtual void finish() = 0;
    /// Says when other threads want the processor that waiting for a message would take.
    void sleep_while(std::function<bool()> wanted) { processor_is_wanted_ = std::move(wanted); }

  protected:
    std::function<bool()> processor_is_wanted_;
};

/// Raised with each change of Transport.
inline constexpr int kTransportVersion = 3;
/// What a plug-in exports, as `gmc_start_transport`: null where it was built for another version.
using StartTransport = Transport* (*)(int version);

}  // namespace gmc::runtime
