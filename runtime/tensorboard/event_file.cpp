// A file of events that grows. There is one write per append, so that nothing waits in a buffer
// when the run is killed.
#include "runtime/tensorboard/event_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace gmc::tensorboard {

bool is_event_file(std::string_view name) {
    constexpr std::string_view kDigits = "0123456789";
    if (!name.starts_with(kFilePrefix)) return false;
    name.remove_prefix(kFilePrefix.size());
    const size_t dot = name.find_first_not_of(kDigits);
    if (dot == 0 || dot == std::string_view::npos || name[dot] != '.') return false;
    const std::string_view last = name.substr(dot + 1);
    return last == kExported ||
           (!last.empty() && last.find_first_not_of(kDigits) == std::string_view::npos);
}

Result<EventFile> EventFile::create(const std::string& folder, Moment at,
                                    Diagnostics& diagnostics) {
    for (int number = 0;; ++number) {
        const std::string path = fmt::format("{}/{}{}.{}", folder, kFilePrefix,
                                             static_cast<int64_t>(at.seconds), number);
        const int fd =
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (fd >= 0) {
            EventFile file(path, fd);
            if (!file.append(version_event(at) + start_event(at), diagnostics)) return Failure{};
            return file;
        }
        if (errno == EEXIST) continue;
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be opened for writing: {}",
                          path, std::strerror(errno));
        return Failure{};
    }
}

EventFile::EventFile(EventFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

EventFile::~EventFile() {
    if (fd_ >= 0) ::close(fd_);
}

bool EventFile::append(std::string_view records, Diagnostics& diagnostics) {
    while (!records.empty()) {
        const ssize_t written = ::write(fd_, records.data(), records.size());
        if (written >= 0) {
            records.remove_prefix(static_cast<size_t>(written));
        } else if (errno != EINTR) {
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: {}", path_,
                              std::strerror(errno));
            return false;
        }
    }
    return true;
}

}  // namespace gmc::tensorboard
