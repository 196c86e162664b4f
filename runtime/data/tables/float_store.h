// Floats that are written once and then read at random: in memory, or in a file without a name.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

namespace gmc::runtime {

class FloatStore {
  public:
    /// Up to `memory_bytes` stay in memory.
    explicit FloatStore(uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}
    ~FloatStore();
    FloatStore(FloatStore&&) noexcept;
    FloatStore& operator=(FloatStore&&) = delete;

    /// False where no temporary file can be made or the disk is full.
    [[nodiscard]] bool append(std::span<const float> values);
    /// Nothing is appended after this. False as above.
    [[nodiscard]] bool finish();
    /// All values, after finish().
    const float* data() const { return mapped_ ? mapped_ : values_.data(); }
    uint64_t size() const { return written_ + values_.size(); }
    bool in_memory() const { return !mapped_; }

  private:
    [[nodiscard]] bool spill();

    uint64_t memory_bytes_;
    std::vector<float> values_;  ///< all, or those not yet in the file
    std::FILE* file_ = nullptr;
    uint64_t written_ = 0;  ///< floats in the file
    const float* mapped_ = nullptr;
};

}  // namespace gmc::runtime
