// The promise that the memory plan gives to loop kernels: a result overlaps an operand only when it
// lies exactly on it (in place), and two results never overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gmc::runtime {

/// The memory of one operand or result.
struct MemoryRange {
    const void* base = nullptr;
    int64_t bytes = 0;
    /// Element i belongs to iteration i, so a result may lie exactly on an operand (in place).
    bool whole_space = false;

    bool overlaps(const MemoryRange& other) const {
        return begin() < other.end() && other.begin() < end();
    }

  private:
    const std::byte* begin() const { return static_cast<const std::byte*>(base); }
    const std::byte* end() const { return begin() + bytes; }
};

/// Collects what a loop reads and writes, then checks it.
class OverlapCheck {
  public:
    void reads(MemoryRange range) { read_.push_back(range); }
    void writes(MemoryRange range) { written_.push_back(range); }
    /// GMC_CHECKs the promise; a broken one is a bug in the memory plan. The names say which loop
    /// it is.
    void check(std::string_view op, std::string_view result) const;

  private:
    std::vector<MemoryRange> read_, written_;
};

}  // namespace gmc::runtime
