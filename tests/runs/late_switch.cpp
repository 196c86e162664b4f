// A switch that passes frames of Ethernet late, for machines in network namespaces of Linux: not
// every kernel has netem, which delays what a machine sends.
//
// Usage: late_switch MICROSECONDS NAMESPACE...
// It makes a device `net` in each namespace, says "ready", and passes frames until it is ended.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMostBytes = 2048;

struct Frame {
    Clock::time_point due;
    size_t from;
    std::vector<char> bytes;
};

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "late_switch: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

int device(const std::string& space) {
    const int entry = open(("/run/netns/" + space).c_str(), O_RDONLY);
    if (entry < 0 || setns(entry, CLONE_NEWNET) != 0) fail(space);
    close(entry);
    const int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    ifreq request{};
    std::strcpy(request.ifr_name, "net");
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (file < 0 || ioctl(file, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
    return file;
}

class Switch {
  public:
    Switch(std::chrono::microseconds delay, char** spaces, int count) : delay_(delay) {
        for (int i = 0; i < count; ++i) ports_.push_back({device(spaces[i]), POLLIN, 0});
    }

    [[noreturn]] void run() {
        for (;;) {
            wait();
            for (size_t port = 0; port < ports_.size(); ++port)
                if ((ports_[port].revents & POLLIN) != 0) take(port);
            // All frames are as late, so the first that came is the first that is due.
            for (; !late_.empty() && late_.front().due <= Clock::now(); late_.pop_front())
                pass(late_.front());
        }
    }

  private:
    void wait() {
        timespec left{0, 0};
        if (!late_.empty()) {
            const auto rest = late_.front().due - Clock::now();
            if (rest.count() > 0) left.tv_nsec = std::chrono::nanoseconds(rest).count();
        }
        if (ppoll(ports_.data(), ports_.size(), late_.empty() ? nullptr : &left, nullptr) < 0)
            fail("poll");
    }

    void take(size_t port) {
        char bytes[kMostBytes];
        for (ssize_t size; (size = read(ports_[port].fd, bytes, sizeof(bytes))) > 0;)
            late_.push_back({Clock::now() + delay_, port, {bytes, bytes + size}});
    }

    /// To the port where its receiver was seen, or to all.
    void pass(const Frame& frame) {
        const auto address = [&](size_t at) { return std::string(frame.bytes.data() + at, 6); };
        seen_[address(6)] = frame.from;
        const auto to = seen_.find(address(0));
        for (size_t port = 0; port < ports_.size(); ++port)
            if (to == seen_.end() ? port != frame.from : port == to->second)
                (void)!write(ports_[port].fd, frame.bytes.data(), frame.bytes.size());
    }

    std::chrono::microseconds delay_;
    std::vector<pollfd> ports_;
    std::deque<Frame> late_;
    std::map<std::string, size_t> seen_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "late_switch: MICROSECONDS NAMESPACE...\n");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    Switch frames(std::chrono::microseconds(std::atol(words[1])), words + 2, count - 2);
    std::puts("ready");
    std::fflush(stdout);
    frames.run();
}
