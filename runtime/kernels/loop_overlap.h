// The promise between the memory plan and loop kernels: results overlap operands only in place, and never each other.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gmc::runtime {

struct MemoryRange {
    const float* base = nullptr;
    int64_t elements = 0;
    bool whole_space =
        false;  ///< element i belongs to iteration i: may be read and written in place

    bool overlaps(const MemoryRange& other) const {
        return base < other.base + other.elements && other.base < base + elements;
    }
};

class OverlapCheck {
  public:
    void reads(MemoryRange range) { read_.push_back(range); }
    void writes(MemoryRange range) { written_.push_back(range); }
    /// GMC_CHECKs the promise; a broken one is a bug in the memory plan. The names say which loop it is.
    void check(std::string_view op, std::string_view result) const;

  private:
    std::vector<MemoryRange> read_, written_;
};

}  // namespace gmc::runtime
