// One array of an .npz, read from start to end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// The contents of one array in an .npz, read from beginning to end.
class ZipEntry {
  public:
    /// Opens the entry `key`.npy of the zip; with an empty key, the only .npy of it. Errors:
    /// kBadFile (cannot be opened, no zip, encrypted or packed in a way that is not read),
    /// kUnknownName and kMissingKey with the arrays that there are.
    static Result<ZipEntry> open(const std::string& path, const std::string& key,
                                 Diagnostics& diagnostics);

    /// "file.npz:x_train", for errors.
    const std::string& name() const { return name_; }
    /// The entry, "x.npy".
    const std::string& inside() const { return inside_; }
    bool is_compressed() const { return compressed_; }
    /// The contents are no longer than this, whatever the zip's directory says.
    uint64_t content_bytes_most() const { return content_bytes_most_; }
    /// Reads up to `size` bytes; fewer only where the contents end. Errors (kBadFile): the disk,
    /// corrupt data (libzip checks the sum at the end).
    Result<size_t> read(void* dst, size_t size, Diagnostics& diagnostics);

  private:
    // libzip's handles, kept opaque so that zip.h stays out of headers.
    struct CloseArchive {
        void operator()(void* archive) const;
    };
    struct CloseFile {
        void operator()(void* file) const;
    };

    ZipEntry() = default;

    std::string name_, inside_;
    bool compressed_ = false;
    uint64_t content_bytes_most_ = 0;
    uint64_t offset_ = 0;
    std::unique_ptr<void, CloseArchive> archive_;
    std::unique_ptr<void, CloseFile> file_;  ///< after archive_: closed before it
};

}  // namespace gmc::runtime
