// Atomic writing: a temporary file beside the target, fsync, rename. It uses POSIX calls, not
// streams, so that errno is at hand for every error text.
#include "runtime/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "compiler/support/check.h"
#include "compiler/support/paths.h"
#include "compiler/support/temporary_files.h"

namespace gmc::runtime {
namespace {

std::string folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

std::string name_of(const std::string& path) {
    return std::filesystem::path(path).filename().string();
}

struct Guarded {
    std::string folder;
    struct stat own;
};
std::mutex guarded_mutex;
std::vector<Guarded> guarded_folders;

/// Whether the open `folder`, in which `path` lies, is the guarded one or lies in it.
bool is_its_folder(const std::string& path, int folder) {
    const std::lock_guard lock(guarded_mutex);
    for (const Guarded& guarded : guarded_folders) {
        if (!path.starts_with(guarded.folder + "/")) continue;
        const auto is_own = [&](const char* from) {
            struct stat there {};
            return fstatat(folder, from, &there, 0) == 0 && there.st_dev == guarded.own.st_dev &&
                   there.st_ino == guarded.own.st_ino;
        };
        if (!is_own(".") && !is_own("..")) return false;
    }
    return true;
}

bool is_guarded(const std::string& path) {
    const std::lock_guard lock(guarded_mutex);
    return std::any_of(guarded_folders.begin(), guarded_folders.end(), [&](const Guarded& guarded) {
        return path.starts_with(guarded.folder + "/");
    });
}

/// Makes the rename itself survive a power cut. Not all file systems can; that is no error.
void sync_folder(int folder) {
    const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    ::close(fd);
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path, Diagnostics& diagnostics,
                                      Until until) {
    struct stat status {};
    const bool is_there = stat(path.c_str(), &status) == 0;
    if (is_there && S_ISDIR(status.st_mode)) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: it is a directory",
                          path);
        return Failure{};
    }
    if (is_there && !S_ISREG(status.st_mode)) return open(path, diagnostics);
    remove_abandoned(path);
    AtomicFile file(path, name_of(temporary_name(path)), -1);
    file.folder_ = ::open(folder_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file.folder_ >= 0 && !is_its_folder(path, file.folder_)) {
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "`{}` is not written: its folder was moved, and another one is there now",
                          path);
        return Failure{};
    }
    // It gets a name by way of /proc.
    if (file.folder_ >= 0 && until == Until::kUnnamed && ::access("/proc/self/fd", X_OK) == 0) {
        file.fd_ = ::openat(file.folder_, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
        file.is_named_ = file.fd_ < 0;
    }
    if (file.folder_ >= 0 && file.fd_ < 0)
        file.fd_ = ::openat(file.folder_, file.temporary_.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ < 0) {
        diagnostics.error(kind_of_write_error(errno), {}, "`{}` cannot be created in `{}`: {}",
                          path, folder_of(path), std::strerror(errno));
        return Failure{};
    }
    return file;
}

/// A pipe that nobody reads is an error, instead of a wait without an end.
Result<AtomicFile> AtomicFile::open(const std::string& path, Diagnostics& diagnostics) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETFL, O_WRONLY) != 0) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be opened: {}", path,
                          std::strerror(errno));
        if (fd >= 0) ::close(fd);
        return Failure{};
    }
    return AtomicFile(path, "", fd);
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      folder_(std::exchange(other.folder_, -1)),
      is_named_(other.is_named_),
      failed_(other.failed_),
      bytes_written_(other.bytes_written_) {}

AtomicFile::~AtomicFile() {
    if (fd_ >= 0) {
        ::close(fd_);
        if (!temporary_.empty() && is_named_) ::unlinkat(folder_, temporary_.c_str(), 0);
    }
    if (folder_ >= 0) ::close(folder_);
}

bool AtomicFile::fail(const char* what, Diagnostics& diagnostics) {
    const int code = errno;
    failed_ = true;
    Diagnostic& error =
        diagnostics.error(kind_of_write_error(code), {}, "`{}` cannot be {} after {} bytes: {}",
                          path_, what, bytes_written_, std::strerror(code));
    std::error_code ignored;
    if (!temporary_.empty() && std::filesystem::exists(path_, ignored))
        error.help("the file that was there before is untouched");
    return false;
}

/// write() may write less than asked for, so it is called until all is written; at most 1 GiB at a
/// time, since Linux writes at most 2 GiB in one call.
bool AtomicFile::write(const void* bytes, size_t size, Diagnostics& diagnostics) {
    GMC_CHECK(fd_ >= 0, "`{}` is written after commit", path_);
    if (failed_) return false;
    const char* src = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t got = ::write(fd_, src, std::min(size, size_t{1} << 30));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("written", diagnostics);
        src += got;
        size -= static_cast<size_t>(got);
        bytes_written_ += static_cast<uint64_t>(got);
    }
    return true;
}

bool AtomicFile::commit(Diagnostics& diagnostics) {
    GMC_CHECK(fd_ >= 0, "`{}` is committed twice", path_);
    if (failed_) return false;
    if (temporary_.empty()) {
        if (::close(std::exchange(fd_, -1)) != 0) return fail("written", diagnostics);
        return true;
    }
    // Without the sync a power cut may leave the new name with empty contents.
    if (fsync(fd_) != 0) return fail("synced", diagnostics);
    if (!is_named_) {
        const std::string open_file = fmt::format("/proc/self/fd/{}", fd_);
        if (::linkat(AT_FDCWD, open_file.c_str(), folder_, temporary_.c_str(), AT_SYMLINK_FOLLOW) !=
            0)
            return fail("put in place", diagnostics);
        is_named_ = true;
    }
    if (::renameat(folder_, temporary_.c_str(), folder_, name_of(path_).c_str()) != 0)
        return fail("put in place", diagnostics);
    // Some file systems (NFS) report a full disk only here; by then the bytes are synced, so it
    // cannot matter.
    ::close(std::exchange(fd_, -1));
    sync_folder(folder_);
    return true;
}

void guard_folder(const std::string& folder, int fd) {
    unguard_folder(folder);
    const std::lock_guard lock(guarded_mutex);
    struct stat own {};
    if (::fstat(fd, &own) == 0) guarded_folders.push_back({folder, own});
}

void unguard_folder(const std::string& folder) {
    const std::lock_guard lock(guarded_mutex);
    std::erase_if(guarded_folders, [&](const Guarded& one) { return one.folder == folder; });
}

bool is_in_its_folder(const std::string& path) {
    const int folder = ::open(folder_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return true;
    const bool is_its = is_its_folder(path, folder);
    ::close(folder);
    return is_its;
}

bool make_folder_of(const std::string& path, Diagnostics& diagnostics) {
    std::error_code error;
    if (is_guarded(path))
        std::filesystem::create_directory(folder_of(path), error);
    else
        std::filesystem::create_directories(folder_of(path), error);
    if (!error) return true;
    diagnostics.error(kind_of_write_error(error.value()), {},
                      "`{}` cannot be created: its folder `{}` cannot be made: {}", path,
                      folder_of(path), error.message());
    return false;
}

bool write_file_atomically(const std::string& path, std::string_view bytes,
                           Diagnostics& diagnostics) {
    if (has_bytes(path, bytes)) return true;
    Result<AtomicFile> file = AtomicFile::create(path, diagnostics);
    return file && file->write(bytes, diagnostics) && file->commit(diagnostics);
}

bool has_bytes(const std::string& path, std::string_view bytes) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1 ||
        static_cast<uint64_t>(status.st_size) != bytes.size())
        return false;
    Diagnostics unreadable;
    const Result<std::string> there = read_whole_file(path, bytes.size(), unreadable);
    return there.ok() && *there == bytes;
}

/// Reads as many bytes as the file had when it was opened: one that grows meanwhile is read up to
/// there, one that shrinks up to its new end. The limit is looked at before memory is taken.
Result<std::string> read_whole_file(const std::string& path, uint64_t bytes_most,
                                    Diagnostics& diagnostics) {
    const auto bad = [&](const char* reason) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read: {}", path, reason);
        return Failure{};
    };
    // O_NONBLOCK: a pipe without a writer must not make us wait for ever.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return bad(std::strerror(errno));
    const std::unique_ptr<const int, void (*)(const int*)> closer(
        &fd, [](const int* f) { ::close(*f); });
    struct stat status {};
    if (fstat(fd, &status) != 0) return bad(std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        return bad(S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a regular file");
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size > bytes_most) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "`{}` has {} bytes, more than the {} allowed", path, size, bytes_most);
        return Failure{};
    }
    std::string text(size, '\0');
    size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::read(fd, text.data() + done, text.size() - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return bad(std::strerror(errno));
        if (got == 0) break;  // it became shorter meanwhile
        done += static_cast<size_t>(got);
    }
    text.resize(done);
    return text;
}

}  // namespace gmc::runtime
