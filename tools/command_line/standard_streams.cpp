// Closed standard streams, and outputs that cannot be written.
#include "tools/command_line/standard_streams.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "compiler/support/say.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {
namespace {

bool output_was_closed = false;

/// Whether the standard output is a pipe that nobody reads any more. errno does not tell it: other
/// calls may have followed the write that failed.
bool reader_is_gone() {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

}  // namespace

/// A folder cannot be written, not even by the name /dev/stdout.
void open_closed_streams() {
    const auto is_closed = [](int fd) { return fcntl(fd, F_GETFD) < 0 && errno == EBADF; };
    output_was_closed = is_closed(STDOUT_FILENO);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (is_closed(fd)) (void)::open(fd == STDIN_FILENO ? "/dev/null" : "/", O_RDONLY);
}

int code_after_output(std::string_view program, int code, Printed printed) {
    const bool flushed = std::fflush(stdout) == 0;
    const int reason = errno;
    if (flushed && std::ferror(stdout) == 0) return code;
    if (reader_is_gone()) return code;
    if (output_was_closed) {
        if (printed == Printed::kProgress) return code;
        say("{}: error: the standard output is closed: nothing could be printed\n", program);
        return code == kDone ? kRunFailed : code;
    }
    // When an earlier write failed, errno may be that of another call by now.
    const bool known = !flushed || reason == ENOSPC || reason == EFBIG || reason == EIO;
    say("{}: error: the standard output cannot be written{}\n", program,
        known ? fmt::format(": {}", std::strerror(reason)) : "");
    return code == kDone ? kRunFailed : code;
}

}  // namespace gmc::tools
