// Words of one byte: an answer to who has connected, a farewell, "all end", what a process does,
// and the exit code of a signal that asked it to stop, which is above 128.
#include "runtime/processes/watch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>

#include "compiler/support/say.h"
#include "runtime/processes/left_files.h"
#include "runtime/processes/process_group.h"
#include "runtime/processes/roll_call.h"

namespace gmc::runtime {
namespace {

constexpr char kWelcome = 'w', kFarewell = 'f', kAllEnd = 'e', kWaits = 'm', kWorks = 'c';
constexpr int kOfSignals = 128;  ///< exit codes of signals follow
constexpr int kRunFailed = 3;
/// How often the watch looks at signals and at the time.
constexpr int kLookMs = 100;
/// How long processes may take to start.
constexpr std::chrono::minutes kToJoin{5};
/// While they do: when the others are looked at first, and how often; when it is said that they are
/// waited for; and how long the one that speaks has to say why they do not come.
constexpr std::chrono::seconds kToLook{3}, kLook{1}, kToWait{10}, kToSpeak{2};
/// How long a file that is being written may take.
constexpr std::chrono::seconds kToSave{20};
/// How long each of the addresses of process 0 is tried.
constexpr int kToConnectMs = 3000;
/// After so many seconds of silence the system asks the other machine whether it is there, so many
/// seconds apart, so many times.
constexpr int kQuiet = 20, kApart = 10, kTimes = 4;
/// After so many seconds in which nothing was acknowledged of what was sent, the connection ends
/// when the system looks at it again, which may be half a minute later.
constexpr int kUnacknowledged = 40;
/// How often processes say that they live, and after how long a silence one is not heard.
constexpr std::chrono::seconds kBeat{5}, kSilence{20};

void set(int socket, int level, int option, int value) {
    (void)setsockopt(socket, level, option, &value, sizeof(value));
}

/// Has the system find a machine that is gone.
void keep_alive(int socket) {
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kQuiet);
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kApart);
    set(socket, IPPROTO_TCP, TCP_KEEPCNT, kTimes);
    // As long as something is not acknowledged, the system asks nothing.
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledged * 1000);
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
}

bool is_ready(int socket, short what, int milliseconds) {
    pollfd one{socket, what, 0};
    return poll(&one, 1, milliseconds) == 1;
}

std::string random_secret() {
    std::random_device random;
    std::string secret;
    for (int i = 0; i < 4; ++i) secret += fmt::format("{:08x}", static_cast<uint32_t>(random()));
    return secret;
}

/// The addresses of this machine, the one that is only for itself last.
std::string own_addresses() {
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return "";
    std::string usual, own;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        const int family = each->ifa_addr == nullptr ? AF_UNSPEC : each->ifa_addr->sa_family;
        if ((family != AF_INET && family != AF_INET6) || (each->ifa_flags & IFF_UP) == 0) continue;
        char text[INET6_ADDRSTRLEN] = "";
        const void* number = &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
        if (family == AF_INET6) {
            number = &reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(static_cast<const in6_addr*>(number))) continue;
        }
        inet_ntop(family, number, text, sizeof(text));
        ((each->ifa_flags & IFF_LOOPBACK) != 0 ? own : usual) += fmt::format(" {}", text);
    }
    freeifaddrs(all);
    return usual + own;
}

}  // namespace

Watch::Watch(const Launch& launch, WatchQuestions questions)
    : rank_(launch.rank),
      size_(launch.processes),
      questions_(std::move(questions)),
      parent_(getppid()),
      fellows_(launch) {
    sigset_t all, before;
    sigfillset(&all);  // signals are for the main thread
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watch::~Watch() {
    ends_ = true;
    thread_.join();
    for (const Peer& peer : peers_) close(peer.socket);
    if (listener_ >= 0) close(listener_);
}

/// Where nobody can connect, training goes on: the watch is there for what mpirun does not do.
void Watch::connect(ProcessGroup& group) {
    const std::string first_host = group.broadcast(host_name());
    const std::string where = group.broadcast(rank_ == 0 ? listen() : "");
    const bool connected = rank_ == 0 || connect_to_first(where);
    std::vector<std::string> hosts = group.gather(host_name() + (connected ? "+" : "-"));
    for (size_t i = 0; i < hosts.size(); ++i) {
        if (hosts[i].back() == '-')
            say("gmrun: process {} of {} on {} cannot connect to process 0 on TCP ({}): if it "
                "dies, ending the others is left to mpirun\n",
                i, size_, hosts[i].substr(0, hosts[i].size() - 1), where.substr(33));
        hosts[i].pop_back();
    }
    const std::lock_guard lock(mutex_);
    hosts_ = rank_ == 0 ? std::move(hosts) : std::vector{first_host};
    enter(Phase::kRuns);
    for (Peer& peer : peers_)
        if (peer.stop_code != 0) was_asked_to_stop(peer, peer.stop_code);
}

void Watch::finish() {
    const std::lock_guard lock(mutex_);
    enter(Phase::kFinishes);
    tell_all(kFarewell);
}

void Watch::end_all(int code) {
    const std::lock_guard lock(mutex_);
    abort_code_ = code;
    enter(Phase::kAborts);
    tell_all(kAllEnd);
}

void Watch::enter(Phase phase) {
    phase_ = phase;
    since_ = Clock::now();
}

void Watch::tell_all(char word) {
    for (const Peer& peer : peers_)
        if (peer.rank >= 0) (void)send(peer.socket, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Watch::end(int code, const std::string& text) {
    tell_all(kAllEnd);
    if (!text.empty()) say("gmrun: {}\n", text);  // now: mpirun may end this one while it saves
    const Clock::time_point begin = Clock::now();
    while (questions_.saves() && Clock::now() - begin < kToSave) usleep(kLookMs * 1000);
    remove_shared_memory();
    _exit(code);
}

void Watch::work() {
    while (!ends_) {
        wait_for_peers();
        const std::lock_guard lock(mutex_);
        check_time();
    }
}

/// Only this thread adds and removes connections, but connect() the one to process 0.
void Watch::wait_for_peers() {
    std::vector<pollfd> sockets;
    {
        const std::lock_guard lock(mutex_);
        for (const Peer& peer : peers_) sockets.push_back({peer.socket, POLLIN, 0});
        if (listener_ >= 0) sockets.push_back({listener_, POLLIN, 0});
    }
    if (poll(sockets.data(), sockets.size(), kLookMs) <= 0) return;
    const std::lock_guard lock(mutex_);
    for (const pollfd& each : sockets) {
        if (each.revents == 0) continue;
        if (each.fd == listener_) accept_peer();
        for (Peer& peer : peers_)
            if (peer.socket == each.fd) hear(peer);
    }
    std::erase_if(peers_, [](const Peer& peer) { return peer.socket < 0; });
    const auto known = [](const Peer& peer) { return peer.rank >= 0; };
    if (listener_ < 0 || std::count_if(peers_.begin(), peers_.end(), known) < size_ - 1) return;
    close(std::exchange(listener_, -1));
}

void Watch::accept_peer() {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    keep_alive(socket);
    peers_.push_back({socket, -1, "", Clock::now()});
}

void Watch::hear(Peer& peer) {
    char bytes[64];
    const ssize_t count = recv(peer.socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0 && peer.rank < 0) return greet(peer, bytes, static_cast<size_t>(count));
    bool lives = count > 0;
    for (const char word : std::string_view(bytes, lives ? static_cast<size_t>(count) : 0)) {
        if (word == kAllEnd) end_with(peer);
        if (word == kFarewell) lives = false;
        if (word == kWaits || word == kWorks) peer.waits = word == kWaits;
        const int code = static_cast<unsigned char>(word);
        if (code > kOfSignals) was_asked_to_stop(peer, code);
    }
    peer.heard = Clock::now();
    if (lives) return;
    if (count <= 0 && peer.rank >= 0) lost(peer);
    close(std::exchange(peer.socket, -1));
}

/// A stranger is not answered.
void Watch::greet(Peer& peer, const char* bytes, size_t count) {
    peer.hello.append(bytes, count);
    if (peer.hello.back() != '\n' && peer.hello.size() < 64) return;
    const bool knows = peer.hello.starts_with(secret_ + " ");
    const int rank = knows ? std::atoi(peer.hello.c_str() + secret_.size()) : 0;
    if (rank <= 0 || rank >= size_) {
        close(std::exchange(peer.socket, -1));
        return;
    }
    peer.rank = rank;
    peer.heard = Clock::now();
    (void)send(peer.socket, &kWelcome, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// Process 0 says so, or process 1 where process 0 has died. After the end of the run nobody is
/// missed.
void Watch::lost(const Peer& peer) {
    if (phase_ == Phase::kFinishes || phase_ == Phase::kAborts) return;
    const char* why =
        "has died, or its machine cannot be reached, so all end; --resume goes on "
        "from the last checkpoint, if one was written";
    end(kRunFailed, rank_ > 1 ? "" : fmt::format("{} {}", name_of(peer), why));
}

std::string Watch::name_of(const Peer& peer) const {
    const std::string host = hosts_.empty() ? "" : " on " + hosts_[static_cast<size_t>(peer.rank)];
    return fmt::format("process {} of {}{}", peer.rank, size_, host);
}

std::string Watch::asked_text(const Peer& peer) const {
    const char* signal = sigabbrev_np(peer.stop_code - kOfSignals);
    return fmt::format("{} was asked to stop (SIG{})", name_of(peer),
                       signal == nullptr ? "?" : signal);
}

/// Where all get the signal, each tells process 0, which has it itself by then. Another process may
/// have begun to run, and tell it, before process 0 does.
void Watch::was_asked_to_stop(Peer& peer, int code) {
    if (rank_ != 0) return;
    peer.stop_code = code;
    if (phase_ == Phase::kRuns && questions_.stop(code))
        say("gmrun: {}, so all stop\n", asked_text(peer));
}

/// The other process has said that all end. While it joined, it may have been asked to.
void Watch::end_with(const Peer& peer) {
    if (phase_ != Phase::kJoins || peer.stop_code == 0) end(kRunFailed, "");
    end(peer.stop_code,
        fmt::format("{} before the first step, so all end; nothing was written", asked_text(peer)));
}

void Watch::pass_on_stop() {
    const int code = questions_.stop_code();
    if (rank_ == 0 || told_stop_ || code <= kOfSignals) return;
    tell_all(static_cast<char>(code));
    told_stop_ = true;
}

void Watch::waits(bool now) { waits_since_ = now ? Clock::now().time_since_epoch().count() : 0; }

Watch::Clock::duration Watch::waited() const {
    const Clock::rep since = waits_since_;
    return since == 0 ? Clock::duration(0)
                      : Clock::now().time_since_epoch() - Clock::duration(since);
}

void Watch::beat() {
    if (Clock::now() - beaten_ < kBeat) return;
    beaten_ = Clock::now();
    tell_all(waited() > kBeat ? kWaits : kWorks);
}

/// A process that waits for a message itself is not to blame, unless it is not heard of.
void Watch::look_for_stall() {
    if (waited() < kToComplain) {
        if (complained_ && waited() < kBeat) say("gmrun: training goes on\n");
        complained_ = complained_ && waited() >= kBeat;
        return;
    }
    if (complained_ || rank_ > 1) return;
    std::string whom;
    for (const Peer& peer : peers_) {
        const bool silent = Clock::now() - peer.heard > kSilence;
        // Process 0 keeps the others waiting where it validates or draws samples.
        if (peer.rank < 0 || (!silent && (peer.waits || rank_ == 1))) continue;
        whom += fmt::format("{}{}, which {}", whom.empty() ? "" : "; and for ", name_of(peer),
                            silent ? "does not answer: it was stopped, or its machine cannot be "
                                     "reached"
                                   : "is not as far");
    }
    if (whom.empty()) return;
    say("gmrun: for a minute training has waited for {}\n", whom);
    complained_ = true;
}

/// What process 0 alone says.
std::string Watch::by_first(const char* text) const { return rank_ == 0 ? text : ""; }

void Watch::check_time() {
    const Clock::duration took = Clock::now() - since_;
    if (getppid() != parent_) {
        remove_session(parent_);
        end(kRunFailed,
            by_first("what has started this process is gone, so all end; --resume goes on "
                     "from the last checkpoint, if one was written"));
    }
    if (phase_ == Phase::kJoins) check_joining();
    if (phase_ == Phase::kRuns) {
        pass_on_stop();
        beat();
        look_for_stall();
    }
    if (phase_ == Phase::kFinishes && took > kToFinish)
        end(kRunFailed, by_first("the run is complete, but MPI does not end"));
    if (phase_ == Phase::kAborts && took > kToAbort) end(abort_code_, "");
}

/// MPI says nothing of processes that do not start it. What the fellows tell is written down for
/// all of this machine, and said by one of them.
void Watch::check_joining() {
    const Clock::time_point now = Clock::now();
    const Clock::duration took = now - since_;
    if (const int code = questions_.stop_code(); code != 0) {
        if (code > kOfSignals) tell_all(static_cast<char>(code));
        end(code, by_first("interrupted before the first step; nothing was written"));
    }
    if (took > kToJoin)
        end(kRunFailed,
            by_first("the processes of the run have not found each other in 5 minutes"));
    if (took < kToLook || now - looked_ < kLook) return;
    looked_ = now;
    const std::string misfit = fellows_.look();
    if (misfit_.empty() && !misfit.empty()) misfit_ = misfit, misfit_since_ = now;
    if (!misfit_.empty() && fellows_.speaks())
        end(kRunFailed, misfit_ + ", so all end; nothing was written");
    if (!misfit_.empty() && now - misfit_since_ > kToSpeak) end(kRunFailed, "");
    if (took < kToWait || told_waiting_ || rank_ != 0) return;
    told_waiting_ = true;
    say("gmrun: {}\n", fellows_.waits_for());
}

/// The secret, the port and the addresses.
std::string Watch::listen() {
    int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    if (socket >= 0) set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (socket < 0 || bind(socket, reinterpret_cast<sockaddr*>(&six), sizeof(six)) != 0) {
        if (socket >= 0) close(socket);
        socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in four{};
        four.sin_family = AF_INET;
        (void)bind(socket, reinterpret_cast<sockaddr*>(&four), sizeof(four));
    }
    (void)::listen(socket, size_);
    socklen_t length = sizeof(six);
    (void)getsockname(socket, reinterpret_cast<sockaddr*>(&six), &length);
    const std::lock_guard lock(mutex_);
    secret_ = random_secret();
    listener_ = socket;
    // The port stands at the same place in addresses of both kinds.
    return fmt::format("{} {}{}", secret_, ntohs(six.sin6_port), own_addresses());
}

bool Watch::connect_to_first(const std::string& where) {
    std::istringstream words(where);
    std::string port, address;
    words >> secret_ >> port;
    while (words >> address)
        if (connect_to(address, port)) return true;
    return false;
}

bool Watch::connect_to(const std::string& address, const std::string& port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(address.c_str(), port.c_str(), &hints, &found) != 0) return false;
    const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool begun =
        ::connect(socket, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS;
    freeaddrinfo(found);
    const std::string hello = fmt::format("{} {}\n", secret_, rank_);
    char answer = 0;
    const bool known = begun && is_ready(socket, POLLOUT, kToConnectMs) &&
                       send(socket, hello.data(), hello.size(), MSG_NOSIGNAL) ==
                           static_cast<ssize_t>(hello.size()) &&
                       is_ready(socket, POLLIN, kToConnectMs) && recv(socket, &answer, 1, 0) == 1 &&
                       answer == kWelcome;
    if (!known) {
        if (socket >= 0) close(socket);
        return false;
    }
    keep_alive(socket);
    const std::lock_guard lock(mutex_);
    peers_.push_back({socket, 0, "", Clock::now()});
    return true;
}

}  // namespace gmc::runtime
