// A file read from start to end, gzip-compressed or not, with the offsets that error texts need.
// All readers of data files stand on it, so that "not there", "a directory" and "corrupt gzip" read
// the same everywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// How many bytes deflate makes of one at most (258 bytes of 2 bits).
inline constexpr uint64_t kDeflateRatioMost = 1032;

struct RegularFile {
    int descriptor = -1;  ///< for reading; who gets it closes it
    uint64_t bytes = 0;
};
/// Errors (kBadFile): cannot be opened, no regular file (a pipe would block, a device never end).
Result<RegularFile> open_regular_file(const std::string& path, Diagnostics& diagnostics);

/// A file that is read once from the beginning to the end. For reading at any place see
/// random_bytes.h.
class ByteSource {
  public:
    /// Opens a regular file; gzip is recognised by its content, not by its name.
    /// Errors (kBadFile): cannot be opened, not a regular file.
    static Result<ByteSource> open(const std::string& path, Diagnostics& diagnostics);

    const std::string& path() const { return path_; }
    bool compressed() const { return compressed_; }
    /// Bytes read so far, counted after decompression.
    uint64_t offset() const { return offset_; }
    /// Size of the file as it lies on the disk.
    uint64_t file_bytes() const { return file_bytes_; }
    /// The contents are no longer than this: exact for a plain file; for gzip what deflate can
    /// reach at most. It lets a reader refuse a lying header before it allocates
    /// anything.
    uint64_t content_bytes_most() const;

    /// Reads up to `size` bytes; fewer only where the contents end. Errors (kBadFile): the disk,
    /// corrupt or truncated gzip.
    Result<size_t> read(void* dst, size_t size, Diagnostics& diagnostics);

    ByteSource(ByteSource&&) noexcept;
    ByteSource& operator=(ByteSource&&) noexcept;
    ~ByteSource();

  private:
    struct Stream;

    ByteSource();
    Result<size_t> read_plain(uint8_t* dst, size_t size, Diagnostics& diagnostics);
    Result<size_t> read_gzip(uint8_t* dst, size_t size, Diagnostics& diagnostics);
    void report_disk(Diagnostics& diagnostics) const;
    void report_gzip(const char* adjective, const char* reason, Diagnostics& diagnostics) const;

    std::string path_;
    std::unique_ptr<Stream> stream_;
    bool compressed_ = false;
    uint64_t offset_ = 0;
    uint64_t file_bytes_ = 0;
};

}  // namespace gmc::runtime
