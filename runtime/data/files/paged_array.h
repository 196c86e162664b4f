// Arrays too large to be held in memory: a field that reads blocks of neighbouring examples from
// the file and keeps those that have not been asked for yet. "Slot" here is room for one example.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/data/array_field.h"
#include "runtime/data/files/value_check.h"
#include "runtime/files/random_bytes.h"

namespace gmc::runtime {

/// Examples are dropped once they were read, so memory stays at a fixed size when they are asked
/// for in windowed_order or in their own order. Any other order is read rightly but slowly, a block
/// for each example. Values are checked whenever they are read; one that breaks the rules throws
/// DataError with the example and the position.
class PagedArray final : public Field {
  public:
    /// `bytes` are the file's contents, with the header in front; `block` examples are read at a
    /// time, and `window` (in examples) is how many may wait for being asked for.
    PagedArray(FieldInfo info, ArrayHeader header, ValueRules rules,
               std::unique_ptr<RandomBytes> bytes, int64_t block, int64_t window);

    void read(int64_t index, float* dst) const override;
    /// In a new epoch what still waits from the last one is dropped: nobody asks for it in time.
    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override;
    int64_t block() const override { return block_; }

  private:
    static constexpr size_t kNone = SIZE_MAX;

    void read_locked(int64_t index, float* dst) const;
    size_t slot_of(int64_t index) const;
    void load(int64_t index) const;
    int64_t block_size(int64_t number) const { return std::min(block_, count() - number * block_); }
    void read_bytes(uint64_t first_value, void* dst, size_t values) const;
    void make_room(size_t wanted) const;
    void release(size_t number) const;
    uint8_t* slot(size_t number) const { return slots_.get() + number * example_bytes_; }

    const ArrayHeader header_;
    const ValueRules rules_;
    const ValueCheck check_;
    const ByteValues byte_values_;
    const int64_t block_;
    const size_t example_bytes_;
    std::vector<uint64_t> places_;  ///< not in order: where each value of example 0 is

    // Filled by read(), which is const to all who look at it.
    mutable std::mutex mutex_;
    const std::unique_ptr<RandomBytes> bytes_;
    mutable std::unique_ptr<uint8_t[]> slots_;             ///< stored examples, row-major
    mutable std::vector<int64_t> example_in_;              ///< per slot; -1: free
    mutable std::vector<size_t> free_;                     ///< slots
    mutable std::unordered_map<int64_t, size_t> slot_of_;  ///< by example
    /// Per block how many examples have been asked for since it was read; -1: all of them, or it
    /// was never read.
    mutable std::vector<int64_t> asked_of_;
    mutable std::vector<uint8_t> piece_;  ///< a block as it comes from the file
    mutable size_t last_read_ = kNone;    ///< the slot that is free as soon as another is read
    mutable size_t next_victim_ = 0;      ///< the slot that is freed next when there is no room
    mutable TrainingPass pass_{0, -1};    ///< the epoch for which examples wait
};

}  // namespace gmc::runtime
