// Fields that lie in memory. All readers put data that fit there: 60,000 images of 28 x 28 bytes
// are 47 MB, and a batch then costs a few instructions per byte, with no disk and no decompression.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/files/byte_values.h"

namespace gmc::runtime {

/// Everything about a field but its values.
struct FieldInfo {
    std::string name;
    std::vector<int64_t> shape;  ///< of one example
    int64_t count = 0;
    int64_t class_count = 0;  ///< 0 = not a label
};

/// Says whether `bytes` of data fit into what this process can still get of memory (memory_limit);
/// if not, reports kTooLarge about `what` ("`a.gz` (60000 x 28 x 28 u8)"). To be asked before
/// allocating: Linux grants memory that it does not have, and ends the process when that is used.
[[nodiscard]] bool check_fits_memory(const std::string& what, uint64_t bytes,
                                     Diagnostics& diagnostics);

/// 8-bit values, kept as bytes.
class ByteField final : public Field {
  public:
    /// `bytes` holds info.count examples one after the other.
    ByteField(FieldInfo info, std::vector<uint8_t> bytes, std::optional<ValueRange> range);
    void read(int64_t index, float* dst) const override;
    bool in_memory() const override { return true; }
    void expect(int64_t index) const override;

  private:
    std::vector<uint8_t> bytes_;
    ByteValues values_;
};

/// Values of any other type, kept as the floats they read as.
class FloatField final : public Field {
  public:
    /// `values` holds info.count examples one after the other.
    FloatField(FieldInfo info, std::vector<float> values);
    void read(int64_t index, float* dst) const override;
    bool in_memory() const override { return true; }
    void expect(int64_t index) const override;

  private:
    std::vector<float> values_;
};

}  // namespace gmc::runtime
