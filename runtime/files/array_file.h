// A stored array: its header, and the values behind it from start to end. An .idx or .npy (gzip or
// not), or one of the arrays of an .npz, which is a zip of .npy files.
#pragma once

#include <memory>
#include <string>

#include "runtime/files/array_header.h"
#include "runtime/files/random_bytes.h"

namespace gmc::runtime {

/// One interface for idx, npy and npz. The header is read when the file is opened, values
/// afterwards from the first to the last.
class ArrayFile {
  public:
    /// Opens the file and reads its header. `format` is "idx", "npy" or "npz"; `key` says which
    /// array of an .npz, "" for its only one. Nothing that the header says is trusted: it is
    /// checked that the file can hold the values that it promises. Errors: kBadFile (absent,
    /// another format, cut short, too long, corrupt), kUnknownName and kMissingKey (no such array,
    /// with those that there are).
    static Result<ArrayFile> open(const std::string& format, const std::string& path,
                                  const std::string& key, Diagnostics& diagnostics);

    const ArrayHeader& header() const { return header_; }
    /// Says that the array is [N, channels, height, width]; its pictures are read with channels
    /// last. Error: other than four dimensions (kShapeMismatch).
    [[nodiscard]] bool take_channels_first(Diagnostics& diagnostics);
    /// Reads up to `size` bytes of the values; fewer only where the file ends. Errors (kBadFile):
    /// the disk, corrupt data.
    Result<size_t> read(void* dst, size_t size, Diagnostics& diagnostics) {
        return read_(dst, size, diagnostics);
    }
    uint64_t values_read() const { return values_read_; }
    /// Reads so many values, as bytes. Error: the file ends before (kBadFile).
    [[nodiscard]] bool read_values(void* dst, size_t count, Diagnostics& diagnostics);
    /// The same contents, header and all, to be read at any place. Where the array is compressed,
    /// this goes through all of it once. Errors: kBadFile.
    Result<std::unique_ptr<RandomBytes>> open_random(Diagnostics& diagnostics) const;
    bool is_compressed() const { return compressed_; }
    /// After the last value: does the file end here, and is its checksum right? Errors: kBadFile.
    [[nodiscard]] bool check_end(Diagnostics& diagnostics);

  private:
    ArrayFile() = default;

    ArrayHeader header_;
    ReadBytes read_;
    uint64_t values_read_ = 0;
    std::string path_;
    std::string inside_;  ///< the entry of an .npz
    bool compressed_ = false;
};

}  // namespace gmc::runtime
