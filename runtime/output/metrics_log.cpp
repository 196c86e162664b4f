// Writes rows as lines of JSON, and finds the place at which to cut a log when a run is resumed.
#include "runtime/output/metrics_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "compiler/support/check.h"
#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wrap.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

/// A log of 4 GiB has tens of millions of lines: no run writes that.
constexpr uint64_t kLogBytesMost = uint64_t{1} << 32;

/// A JSON string. Malformed UTF-8 is replaced, since a log must not fail because of a name.
std::string json_string(std::string_view text) { return Json(text).dump(); }

/// The lines of `text` to keep: all before the first one of a step after `step`, without the
/// figures of `step` itself where no line of every `every` steps is due, without what an end of its
/// epoch has written that will be done again, and without why training had ended.
Result<std::string> lines_to_keep(const std::string& path, std::string_view text, int64_t step,
                                  int64_t every, bool epoch_end_left,
                                  std::optional<int64_t>& ended_at, Diagnostics& diagnostics) {
    std::string kept;
    size_t start = 0;
    for (int64_t number = 1; start < text.size(); ++number) {
        const size_t end = std::min(text.find('\n', start), text.size());
        const std::optional<Json> found = Json::parse(text.substr(start, end - start));
        const std::string why = why_no_line(found);
        // A power cut may leave a file longer than what was written, filled with zeros.
        const bool zeros = text.find_first_not_of('\0', start) == std::string_view::npos;
        if (!why.empty() && (end == text.size() || zeros)) {
            diagnostics.warning(DiagnosticKind::kBadFile, {}, "`{}` {}", path,
                                zeros ? fmt::format("is zeros from line {} on: they go", number)
                                      : fmt::format("ends in half a line, {}, which goes", number));
            break;
        }
        if (!why.empty()) {
            diagnostics
                .error(DiagnosticKind::kBadFile, {}, "`{}` line {} (offset {}) {}", path, number,
                       start, why)
                .help(
                    "put the line right or delete it; with the file moved away, the run goes on "
                    "with an empty one");
            return Failure{};
        }
        const int64_t of = found->at("step").whole();
        if (of > step) break;
        ended_at = of;
        const bool comes_again = has_training_figures(*found)
                                     ? step % every != 0
                                     : is_of_epoch_end(*found) && epoch_end_left;
        // An editor may have left out the line break of the last one.
        if (!found->contains("diverged") && (of < step || !comes_again))
            kept.append(text.substr(start, end - start)) += '\n';
        start = end + 1;
    }
    return kept;
}

}  // namespace

bool is_of_epoch_end(const Json& line) {
    const std::vector<std::string>& names = line.names();
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
        return name == "sign" || name.starts_with("validation_");
    });
}

std::string why_no_line(const std::optional<Json>& line) {
    if (!line || !line->is_object()) return "is no JSON object";
    if (!line->contains("step")) return "has no `step`";
    for (const char* name : {"step", "epoch"})
        if (line->contains(name) && (!line->at(name).is_whole() || line->at(name).whole() < 0))
            return fmt::format("has {} as `{}`, which is no whole number from 0",
                               cut(line->at(name).dump(), 40), name);
    return "";
}

Result<std::ifstream> open_log(const std::string& path, Diagnostics& diagnostics) {
    std::ifstream log;
    if (!is_there(path)) return log;
    if (is_regular(path)) {
        log.open(path, std::ios::binary);
        if (log) return log;
    }
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path,
                      is_regular(path) ? fmt::format("cannot be read: {}", std::strerror(errno))
                                       : "is not a regular file");
    return Failure{};
}

bool has_training_figures(const Json& line) {
    return !is_of_epoch_end(line) && !line.contains("because") && !line.contains("changed") &&
           !line.contains("diverged");
}

std::optional<double> logged_number(const Json& line, const std::string& name) {
    const Json& value = line.at(name);
    if (value.is_number()) return value.number();
    if (!value.is_null()) return std::nullopt;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::string word = line.contains("nonfinite") && line.at("nonfinite").contains(name)
                                 ? line.at("nonfinite").at(name).text()
                                 : "nan";
    return word == "inf"    ? kInfinity
           : word == "-inf" ? -kInfinity
                            : std::numeric_limits<double>::quiet_NaN();
}

MetricsRow::MetricsRow(int64_t step, int64_t epoch) {
    values_.emplace_back("step", fmt::format("{}", step));
    values_.emplace_back("epoch", fmt::format("{}", epoch));
}

MetricsRow& MetricsRow::add_text(std::string_view name, std::string json) {
    const bool taken = name == "nonfinite" || std::any_of(values_.begin(), values_.end(),
                                                          [&](auto& v) { return v.first == name; });
    GMC_CHECK(!taken, "the metric `{}` is logged twice in one row", name);
    values_.emplace_back(name, std::move(json));
    return *this;
}

template <typename T>
MetricsRow& MetricsRow::add_number(std::string_view name, T value) {
    if (std::isfinite(value)) return add_text(name, fmt::format("{}", value));
    const char* what = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    nonfinite_.emplace_back(name, what);
    return add_text(name, "null");
}

MetricsRow& MetricsRow::add(std::string_view name, float value) { return add_number(name, value); }
MetricsRow& MetricsRow::add(std::string_view name, double value) { return add_number(name, value); }
MetricsRow& MetricsRow::add(std::string_view name, int64_t value) {
    return add_text(name, fmt::format("{}", value));
}
MetricsRow& MetricsRow::add(std::string_view name, std::string_view value) {
    return add_text(name, json_string(value));
}

std::string MetricsRow::line() const {
    std::string out = "{";
    for (const auto& [name, json] : values_)
        out += fmt::format("{}{}:{}", out.size() > 1 ? "," : "", json_string(name), json);
    if (!nonfinite_.empty()) {
        out += ",\"nonfinite\":{";
        for (const auto& [name, what] : nonfinite_)
            out +=
                fmt::format("{}{}:\"{}\"", out.back() == '{' ? "" : ",", json_string(name), what);
        out += "}";
    }
    return out + "}";
}

Result<MetricsLog> MetricsLog::open(const std::string& path, int flags, Diagnostics& diagnostics) {
    const int fd =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    if (fd >= 0) return MetricsLog(path, fd);
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be opened for writing: {}", path,
                      std::strerror(errno));
    return Failure{};
}

Result<MetricsLog> MetricsLog::create(const std::string& path, Diagnostics& diagnostics) {
    return open(path, O_TRUNC, diagnostics);
}

Result<MetricsLog> MetricsLog::resume(const std::string& path, int64_t step,
                                      Diagnostics& diagnostics, int64_t every,
                                      bool epoch_end_left) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 && errno == ENOENT) return open(path, 0, diagnostics);
    Result<std::string> text = read_whole_file(path, kLogBytesMost, diagnostics);
    if (!text) return Failure{};
    std::optional<int64_t> ended_at;
    const Result<std::string> kept =
        lines_to_keep(path, *text, step, every, epoch_end_left, ended_at, diagnostics);
    if (!kept.ok()) return Failure{};
    const auto open_kept = [&] {
        Result<MetricsLog> log = open(path, 0, diagnostics);
        if (log.ok()) log->ended_at_ = ended_at;
        return log;
    };
    // A hard link belongs to a copy of the run, whose file must not grow with this one.
    if (status.st_nlink > 1 || !text->starts_with(*kept)) {
        if (!write_file_atomically(path, *kept, diagnostics)) return Failure{};
        return open_kept();
    }
    Result<MetricsLog> log = open_kept();
    if (log && ftruncate(log->fd_, static_cast<off_t>(kept->size())) != 0) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be cut to {} bytes: {}", path,
                          kept->size(), std::strerror(errno));
        return Failure{};
    }
    return log;
}

MetricsLog::MetricsLog(MetricsLog&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      ended_at_(other.ended_at_),
      saved_(other.saved_) {}

MetricsLog::~MetricsLog() {
    if (fd_ >= 0) ::close(fd_);
}

/// A file that was removed is still there as long as it is open, so its lines can be copied.
void MetricsLog::stay_in_place() {
    struct stat open_one {
    }, there{};
    if (fstat(fd_, &open_one) != 0) return;
    const bool is_there = stat(path_.c_str(), &there) == 0;
    if (is_there ? there.st_ino == open_one.st_ino && there.st_dev == open_one.st_dev
                 : errno != ENOENT)
        return;
    // Without its folder there is nothing to do: the next checkpoint cannot be written.
    if (!is_in_its_folder(path_)) return;
    Diagnostics unwritable;
    auto anew = open(path_, is_there ? 0 : O_EXCL, unwritable);
    if (!anew.ok()) return;
    say("gmrun: `{}` {}\n", path_,
        is_there ? "was replaced by another file, which the lines from here on go to"
                 : "was removed while the run trained: it is written again");
    std::string lines(is_there ? 0 : static_cast<size_t>(open_one.st_size), '\0');
    const ssize_t got = ::pread(fd_, lines.data(), lines.size(), 0);
    lines.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    (void)!::write(anew->fd_, lines.data(), lines.size());
    std::swap(fd_, anew->fd_);
}

void MetricsLog::has_saved() {
    struct stat status {};
    saved_ = {};
    if (fstat(fd_, &status) == 0) saved_ = {status.st_ino, status.st_size};
}

void MetricsLog::back_to_saved() {
    struct stat status {};
    if (saved_ && fstat(fd_, &status) == 0 && status.st_ino == saved_->first &&
        status.st_size > saved_->second)
        (void)!ftruncate(fd_, saved_->second);
}

bool MetricsLog::write(const std::vector<MetricsRow>& rows, Diagnostics& diagnostics) {
    stay_in_place();
    std::string lines;
    for (const MetricsRow& row : rows) lines += row.line() + "\n";
    // One system call: a reader that follows the file never sees half a line, and nothing waits in
    // a buffer when the run is killed.
    size_t done = 0;
    while (done < lines.size()) {
        const ssize_t got = ::write(fd_, lines.data() + done, lines.size() - done);
        if (got >= 0) {
            done += static_cast<size_t>(got);
        } else if (errno != EINTR) {
            diagnostics.error(kind_of_write_error(errno), {}, "`{}` cannot be written: {}", path_,
                              std::strerror(errno));
            struct stat status {};
            if (done > 0 && fstat(fd_, &status) == 0)
                (void)!ftruncate(fd_, status.st_size - static_cast<off_t>(done));
            return false;
        }
    }
    return true;
}

}  // namespace gmc::runtime
