// Fields that lie in memory: bytes that are turned into floats while a batch is made, and floats
// that are copied.
#include "runtime/data/array_field.h"

#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {

bool check_fits_memory(const std::string& what, uint64_t bytes, Diagnostics& diagnostics) {
    const MemoryLimit limit = memory_limit();
    if (bytes <= static_cast<uint64_t>(limit.bytes)) return true;
    diagnostics.error(DiagnosticKind::kTooLarge, {}, "{} needs {}, but {}", what,
                      memory_text(static_cast<int64_t>(std::min<uint64_t>(bytes, INT64_MAX))),
                      limit.reason);
    return false;
}

static void fetch(const void* data, size_t bytes) {
    constexpr size_t kCacheLine = 64;
    for (size_t i = 0; i < bytes; i += kCacheLine)
        __builtin_prefetch(static_cast<const char*>(data) + i);
}

ByteField::ByteField(FieldInfo info, std::vector<uint8_t> bytes, std::optional<ValueRange> range)
    : Field(std::move(info.name), std::move(info.shape), info.count, info.class_count),
      bytes_(std::move(bytes)),
      values_(range) {
    GMC_CHECK(static_cast<int64_t>(bytes_.size()) == count() * elements(),
              "field {} holds {} bytes for {} examples of {}", name(), bytes_.size(), count(),
              elements());
}

void ByteField::read(int64_t index, float* dst) const {
    const size_t size = static_cast<size_t>(elements());
    const uint8_t* src = bytes_.data() + static_cast<size_t>(index) * size;
    values_.convert(src, size, dst);
}

void ByteField::expect(int64_t index) const {
    fetch(bytes_.data() + index * elements(), static_cast<size_t>(elements()));
}

FloatField::FloatField(FieldInfo info, std::vector<float> values)
    : Field(std::move(info.name), std::move(info.shape), info.count, info.class_count),
      values_(std::move(values)) {
    GMC_CHECK(static_cast<int64_t>(values_.size()) == count() * elements(),
              "field {} holds {} floats for {} examples of {}", name(), values_.size(), count(),
              elements());
}

void FloatField::read(int64_t index, float* dst) const {
    std::copy_n(values_.data() + index * elements(), elements(), dst);
}

void FloatField::expect(int64_t index) const {
    fetch(values_.data() + index * elements(), static_cast<size_t>(elements()) * sizeof(float));
}

}  // namespace gmc::runtime
