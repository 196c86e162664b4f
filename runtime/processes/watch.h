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

#include "runtime/processes/fellows.h"

namespace gmc::runtime {

class ProcessGroup;

/// What the watch asks the program, on its own thread.
struct WatchQuestions {
    /// The exit code for the signal that asked this process to stop; 0: none did.
    std::function<int()> stop_code = [] { return 0; };
    /// Whether a file is being written that is to be finished first.
    std::function<bool()> saves = [] { return false; };
    /// In process 0: another one was asked to stop, by the signal of this exit code. False where
    /// this process had been asked before.
    std::function<bool(int)> stop = [](int) { return false; };
};

/// A thread that watches over the other processes. Each has a connection on TCP to process 0, which
/// the system closes when one of the two dies: then process 0 ends the others. One process says
/// why, and all end with exit code 3, within seconds, whatever MPI does.
/// A machine that cannot be reached is found in about a minute. A process that a signal asks to
/// stop tells process 0, which says so, and stops as if it had got the signal itself. Where process
/// 0 has waited for a message for a minute, it says which processes are to blame; process 1 does
/// where process 0 is.
class Watch {
  public:
    /// Made before MPI is started. Until connect() the process ends at once when a signal asks it
    /// to stop, since MPI might wait for others that have ended; all that follows ends it, too,
    /// when the one that has started it is gone. It ends, too, when a process that mpirun has
    /// started beside it will not join; after 10 seconds it says for which it waits.
    Watch(const Launch& launch, WatchQuestions questions);
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
    /// This process waits for a message from now on, or does not any more. Any thread may say so.
    void waits(bool now);

    static constexpr std::chrono::seconds kToFinish{60}, kToAbort{3}, kToComplain{60};

  private:
    using Clock = std::chrono::steady_clock;
    enum class Phase { kJoins, kRuns, kFinishes, kAborts };

    /// A connection; process 0 has one to each other, which have one to process 0.
    struct Peer {
        int socket = -1;
        int rank = -1;      ///< -1 until it has said who it is
        std::string hello;  ///< what has come of that
        Clock::time_point heard{};
        bool waits = false;  ///< for a message, as it said last
        int stop_code = 0;   ///< the exit code for the signal that asked it to stop; 0: none did
    };

    void work();
    void wait_for_peers();
    void accept_peer();
    void hear(Peer& peer);
    void greet(Peer& peer, const char* bytes, size_t count);
    void lost(const Peer& peer);
    void was_asked_to_stop(Peer& peer, int code);
    std::string asked_text(const Peer& peer) const;
    [[noreturn]] void end_with(const Peer& peer);
    std::string name_of(const Peer& peer) const;
    Clock::duration waited() const;
    void pass_on_stop();
    void beat();
    void look_for_stall();
    void enter(Phase phase);
    std::string by_first(const char* text) const;
    void check_time();
    void check_joining();
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
    std::vector<std::string> hosts_;           ///< of the peers, by rank
    Clock::time_point beaten_{};               ///< when the peers were told that this process lives
    std::atomic<Clock::rep> waits_since_ = 0;  ///< for a message; 0: it does not wait
    bool told_stop_ = false, complained_ = false, told_waiting_ = false;
    FellowWatch fellows_;
    Clock::time_point looked_ = since_;  ///< at the fellows
    std::string misfit_;                 ///< what they have told
    Clock::time_point misfit_since_{};
    std::atomic<bool> ends_ = false;
    std::thread thread_;
};

}  // namespace gmc::runtime
