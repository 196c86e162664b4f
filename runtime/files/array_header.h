// What the header of an array says: idx files (MNIST's format) and NumPy's .npy. The one reader of
// both: the language asks it for shapes, the runtime reads the values behind it.
//   idx: 00 00 type rank | rank u32 dimensions | values      (all big-endian)
//   npy: 93 'N' 'U' 'M' 'P' 'Y' major minor | u16 (1.0) or u32 length | a Python dict | values
// Formats: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "file
// formats"; NumPy enhancement proposal 1.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/value_type.h"

namespace gmc::runtime {

/// Reads up to so many bytes; fewer only at the end, as ByteSource::read does.
using ReadBytes = std::function<Result<size_t>(void*, size_t, Diagnostics&)>;

/// What a file of numbers says about itself, whatever its format.
struct ArrayHeader {
    std::string path;  ///< "a.npy", or "a.npz:x"; for errors
    const ValueType* type = nullptr;
    std::vector<uint64_t> dimensions;  ///< the first counts examples; none is 0
    uint64_t header_bytes = 0;         ///< the values begin here
    /// Fortran's order: the first dimension runs fastest, so that an example's values lie apart.
    bool column_major = false;
    bool is_idx = false;
    /// Pictures are stored as channels x height x width, and read as height x width x channels. Has
    /// four dimensions.
    bool channels_first = false;

    /// Product of the dimensions; kValuesMost when it is beyond that.
    uint64_t values() const;
    /// No file holds so many; sizes stop here instead of overflowing.
    static constexpr uint64_t kValuesMost = uint64_t{1} << 60;
    /// Values of one example.
    uint64_t example_values() const { return values() / dimensions.front(); }
    uint64_t content_bytes() const { return header_bytes + values() * type->bytes; }
    /// "60000 x 28 x 28 u8"
    std::string describe() const;

    /// Do the values of an example, in the order in which they are read, lie one behind another?
    bool in_order() const { return !column_major && !channels_first; }
    /// Where value `at` of an example, row-major in the shape in which it is read, lies: counted in
    /// values from the first one of all.
    uint64_t value_index(uint64_t example, uint64_t at) const;
    /// "in example 3 at [0, 5] (offset 1208)": value `index` of all examples as they are read. The
    /// position is that in the file.
    std::string place_of(uint64_t index) const;

    /// The shape of an example, channels last. Three dimensions of idx, and of unsigned bytes, are
    /// grey pictures, which get a trailing 1; other numbers are what their dimensions say.
    std::vector<int64_t> example_shape() const;
    /// Do these look like pictures with channels first, although nobody says so, by their sizes: 1,
    /// 3 or 4 of them before a height and a width that are no numbers of channels?
    bool looks_channels_first() const;
    /// May an example be read as `shape`? Its sizes other than 1 have to be the same ones.
    bool can_be(const std::vector<int64_t>& shape) const;

  private:
    /// The place in an example, row-major in its stored dimensions, of value `at` as it is read.
    uint64_t stored_place(uint64_t at) const;
};

/// "examples of shape [28, 28, 1]"; "one number per example" for {}.
std::string describe_examples(const std::vector<int64_t>& shape);

/// Reads a header into `header`, whose path is set. Errors (kBadFile) name the offset: another
/// format, a broken header, a type that is not read, an array without examples.
[[nodiscard]] bool read_idx_header(const ReadBytes& read, ArrayHeader& header,
                                   Diagnostics& diagnostics);
[[nodiscard]] bool read_npy_header(const ReadBytes& read, ArrayHeader& header,
                                   Diagnostics& diagnostics);

}  // namespace gmc::runtime
