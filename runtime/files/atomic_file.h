// Files that are there whole or not at all: written beside their place, synced, then renamed over
// it. Whoever is killed, or runs out of disk, in the middle leaves the previous file as it was. A
// file goes to the folder that was at its place when it was begun, though that be moved meanwhile.
// Devices and pipes are written into instead: /dev/null must not become a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// A file being written. Errors are reported by the call they happen in; a file that had one cannot
/// be committed. Destroyed without commit(), it takes its temporary file with it.
class AtomicFile {
  public:
    /// What the file is until it is committed.
    enum class Until {
        /// A file without a name, which goes with the process, however that ends. Where the file
        /// system has none, as kNamed.
        kUnnamed,
        /// `.NAME.tmp-PID-N`: others see that the file is being written. A killed process leaves it
        /// behind; nothing reads it, and the next writer of the file removes it.
        kNamed,
    };
    /// Starts writing `path`; the folder must exist. Errors (kBadFile): cannot be created.
    static Result<AtomicFile> create(const std::string& path, Diagnostics& diagnostics,
                                     Until until = Until::kUnnamed);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();

    /// Appends bytes. Errors (kBadFile): disk full, file too large, ...
    [[nodiscard]] bool write(const void* bytes, size_t size, Diagnostics& diagnostics);
    [[nodiscard]] bool write(std::string_view bytes, Diagnostics& diagnostics) {
        return write(bytes.data(), bytes.size(), diagnostics);
    }
    /// Puts the file in its place: synced to the disk, then renamed. Only once.
    [[nodiscard]] bool commit(Diagnostics& diagnostics);

    const std::string& path() const { return path_; }
    uint64_t bytes_written() const { return bytes_written_; }

  private:
    AtomicFile(std::string path, std::string temporary, int fd);
    /// Opens the device or pipe that is at `path`.
    static Result<AtomicFile> open(const std::string& path, Diagnostics& diagnostics);
    bool fail(const char* what, Diagnostics& diagnostics);

    std::string path_;
    std::string temporary_;  ///< its name in the folder; "" for devices and pipes
    int fd_ = -1;
    int folder_ = -1;  ///< of `path_`, wherever that is moved until the file is committed
    bool is_named_ = true;
    bool failed_ = false;
    uint64_t bytes_written_ = 0;
};

/// From now on files are written below `folder` only where it is the one that `fd` is open on: not
/// into another folder that somebody has put in its place.
void guard_folder(const std::string& folder, int fd);
void unguard_folder(const std::string& folder);
/// Whether `path` lies in no guarded folder, or in it itself and not in another one at its place.
bool is_in_its_folder(const std::string& path);

/// Makes the folder that `path` is to lie in, and those above it, but no guarded one that somebody
/// has removed. False after an error (kBadFile).
[[nodiscard]] bool make_folder_of(const std::string& path, Diagnostics& diagnostics);

/// Writes all of `bytes` to `path`, atomically. A file that has these bytes stays as it is, so that
/// this needs no room on a full disk. False after an error (kBadFile).
[[nodiscard]] bool write_file_atomically(const std::string& path, std::string_view bytes,
                                         Diagnostics& diagnostics);
/// Whether `path` is a regular file of just these bytes, without a hard link that another run has.
bool has_bytes(const std::string& path, std::string_view bytes);

/// Reads a whole regular file of at most `bytes_most` bytes. Errors: kBadFile (cannot be opened or
/// read, not a regular file), kTooLarge.
Result<std::string> read_whole_file(const std::string& path, uint64_t bytes_most,
                                    Diagnostics& diagnostics);

}  // namespace gmc::runtime
