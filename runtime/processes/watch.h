// Ends a process whose run cannot go on because another process of it has died. MPI leaves that to
// mpirun, which was seen to hang where it should have ended the others.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gmc::runtime {

class ProcessGroup;

/// What the watch asks the program, on its own thread.
struct WatchQuestions {
    /// The exit code for the signal that asked this process to stop; 0: none did.
    std::function<int()> stop_code = [] { return 0; };
    /// Whether a file is being written that is to be finished first.
    std::function<bool()> saves = [] { return false; };
};

/// A thread that watches over the other processes. Each has a connection on TCP to process 0, which
/// the system closes when one of the two dies: then process 0 ends the others. One process says
/// why, and all end with exit code 3, within seconds, whatever MPI does.
/// A machine that cannot be reached is found in about a minute.
class Watch {
  public:
    /// Made before MPI is started. Until connect() the process ends at once when a signal asks it
    /// to stop, since MPI might wait for others that have ended; all that follows ends it, too,
    /// when the one that has started it is gone.
    Watch(int rank, int size, WatchQuestions questions);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    /// Every process calls it, when messages can be exchanged.
    void connect(ProcessGroup& group);
    /// The run is complete: others may end. MPI has `kToFinish` to do so, too.
    void finish();
    /// All have to end, and this process has said why. It ends with this code in `kToAbort`, if MPI
    /// does not end it before.
    void end_all(int code);

    static constexpr std::chrono::seconds kToFinish{60}, kToAbort{3};

  private:
    using Clock = std::chrono::steady_clock;
    enum class Phase { kJoins, kRuns, kFinishes, kAborts };

    /// A connection; process 0 has one to each other, which have one to process 0.
    struct Peer {
        int socket = -1;
        int rank = -1;      ///< -1 until it has said who it is
        std::string hello;  ///< what has come of that
    };

    void work();
    void wait_for_peers();
    void accept_peer();
    void hear(Peer& peer);
    void greet(Peer& peer, const char* bytes, size_t count);
    void lost(const Peer& peer);
    void enter(Phase phase);
    void check_time();
    std::string listen();
    bool connect_to_first(const std::string& where);
    bool connect_to(const std::string& address, const std::string& port);
    void tell_all(char word);
    /// With a text, says it.
    [[noreturn]] void end(int code, const std::string& text);

    const int rank_, size_;
    const WatchQuestions questions_;
    const int parent_;  ///< the process that has started this one
    std::mutex mutex_;  ///< of all that follows
    Phase phase_ = Phase::kJoins;
    Clock::time_point since_ = Clock::now();  ///< the phase began
    int abort_code_ = 3;
    int listener_ = -1;
    std::string secret_;  ///< by which process 0 knows the others
    std::vector<Peer> peers_;
    std::vector<std::string> hosts_;  ///< of the peers, by rank
    std::atomic<bool> ends_ = false;
    std::thread thread_;
};

}  // namespace gmc::runtime
