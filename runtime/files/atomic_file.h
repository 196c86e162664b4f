// Files that are there whole or not at all: written beside their place, synced, then renamed over
// it. Whoever is killed, or runs out of disk, in the middle leaves the previous file as it was.
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
    AtomicFile(std::string path, std::string temporary, int fd, bool is_named = true);
    /// Opens the device or pipe that is at `path`.
    static Result<AtomicFile> open(const std::string& path, Diagnostics& diagnostics);
    bool fail(const char* what, Diagnostics& diagnostics);

    std::string path_;
    std::string temporary_;  ///< "" for devices and pipes
    int fd_ = -1;
    bool is_named_ = true;
    bool failed_ = false;
    uint64_t bytes_written_ = 0;
};

/// Makes the folder that `path` is to lie in, and those above it. False after an error (kBadFile).
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
