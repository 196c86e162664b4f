// The values of a file that follow its header: read in pieces into a field that lies in memory,
// checked against what the model says of them. The same for idx and npy.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/files/value_type.h"

namespace gmc::runtime {

/// What the values must be.
struct ValueRules {
    std::string name;  ///< of the field, e.g. "image"
    /// u8 values 0 .. 255 are scaled into this range; values of other types must lie in it already.
    /// Without a range values are read as they are (labels).
    std::optional<ValueRange> range;
    /// False: the range is nobody's word, so values of other types need not lie in it unless they
    /// are pictures (rank 3).
    bool range_given = true;
    /// Values must be 0 .. classes - 1. With 0, single integers without a range are labels anyway,
    /// whose classes are counted.
    int64_t classes = 0;
    /// Read so many examples and leave the rest of the file alone; 0: read all.
    int64_t count = 0;
};

/// What the header says of the values.
struct ValueBlock {
    std::string path;  ///< for errors
    const ValueType* type = nullptr;
    std::vector<uint64_t> dimensions;  ///< the first counts examples
    uint64_t header_bytes = 0;

    /// Product of the dimensions; 2^60 when it is beyond that, which no file holds.
    uint64_t values() const;
    uint64_t content_bytes() const { return header_bytes + values() * type->bytes; }
    /// "60000 x 28 x 28 u8"
    std::string describe() const;
};

/// Reads up to so many bytes; fewer only at the end, as ByteSource::read does.
using ReadBytes = std::function<Result<size_t>(void*, size_t, Diagnostics&)>;

/// Are the values as many bytes as there are, and do they fit into memory? `most` is an upper
/// bound of the file's contents, exact unless `compressed`. Asked before anything is allocated.
[[nodiscard]] bool check_size(const ValueBlock& block, uint64_t most, bool compressed,
                              Diagnostics& diagnostics);

/// An empty range is an error (kBadValue).
[[nodiscard]] bool check_rules(const ValueRules& rules, Diagnostics& diagnostics);

/// Reads all values, which must end where the file does. Shapes of one example: rank 1 gives {},
/// rank 3 {d1, d2, 1}, others their dimensions; one class label per example is {} however it is
/// wrapped. Errors: kBadFile (cut short, too long), kBadValue (outside the range or the classes,
/// not finite, with the offset), kTooLarge (no memory).
Result<FieldPtr> read_values(const ValueBlock& block, const ValueRules& rules,
                             const ReadBytes& read, Diagnostics& diagnostics);

}  // namespace gmc::runtime
