// Safetensors files: tensors by name, which NumPy, PyTorch and many others read.
//
//   8 bytes: the header's length N, little-endian
//   N bytes of JSON, filled up with spaces to a multiple of 8:
//     {"__metadata__": {text: text, ...},
//      "decoder.dense.weight": {"dtype": "F32", "shape": [20, 400], "data_offsets": [0, 32000]}}
//   the numbers, row-major and little-endian; offsets count from here
//
// The format knows no checksum. The files written here have one as the first entry of their
// metadata: the CRC-32 of the whole file, in which its own eight digits count as zeros.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/random_bytes.h"
#include "runtime/files/value_type.h"

namespace gmc::runtime {

/// Name and text, in the order of the file.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// A tensor to be written: f32, row-major.
struct TensorView {
    std::string name;
    std::vector<int64_t> shape;
    const float* numbers = nullptr;
    /// Where these are not in one place: puts them there, until the next call. It is called twice.
    std::function<const float*()> fetch = {};
};

/// Writes a file, whole or not at all (AtomicFile); numbers go from their memory to the file. Names
/// must differ. False after an error (kBadFile): the file that was there is untouched.
[[nodiscard]] bool write_safetensors(const std::string& path,
                                     const std::vector<TensorView>& tensors,
                                     const Metadata& metadata, Diagnostics& diagnostics);

/// A tensor of a file.
struct StoredTensor {
    std::string name;
    const ValueType* type = nullptr;
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;  ///< bytes, from the first number of the file on
    int64_t elements() const;
};

/// A file that was opened, and whose header is right: each tensor has a known type, its bytes fit
/// its shape, and the tensors lie in the file one after another, with neither gaps nor overlaps.
class SafetensorsFile {
  public:
    /// Reads the header. Errors (kBadFile): no such file, no safetensors file, wrong in any of the
    /// ways above; (kTooLarge): a header or a number of tensors that no model has. Nothing that the
    /// file says is believed before it is checked against the file's size.
    static Result<SafetensorsFile> open(const std::string& path, Diagnostics& diagnostics);

    const std::string& path() const { return path_; }
    /// In the order of their bytes.
    const std::vector<StoredTensor>& tensors() const { return tensors_; }
    const StoredTensor* find(std::string_view name) const;  ///< null: there is none
    /// An entry of the metadata; null: there is none.
    const std::string* metadata(std::string_view name) const;

    /// Whether the file has a checksum, which files of other programs have not.
    bool has_checksum() const { return metadata(kChecksum) != nullptr; }
    /// Reads the whole file, and compares. False after an error (kBadFile): it does not fit, or
    /// there is none.
    [[nodiscard]] bool verify(Diagnostics& diagnostics) const;
    /// The CRC-32 of the whole file, 8 digits, whether or not the file says one.
    Result<std::string> computed_checksum(Diagnostics& diagnostics) const;

    /// Reads the numbers of a tensor as floats, a piece at a time. False after an error (kBadFile).
    [[nodiscard]] bool read(const StoredTensor& tensor, float* to, Diagnostics& diagnostics) const;

    static constexpr char kChecksum[] = "checksum";

  private:
    /// Fills tensors_ and metadata_. Throws JsonError; `about` then says which entry it is about.
    void read_header(std::string& about);

    std::string path_;
    std::unique_ptr<RandomBytes> bytes_;
    std::string header_;
    uint64_t data_bytes_ = 0;
    std::vector<StoredTensor> tensors_;
    Metadata metadata_;
};

}  // namespace gmc::runtime
