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
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {

/// Examples are dropped once they were read, so memory stays at a fixed size when training asks for
/// them in windowed_order, and read() in their own order. Any other order is read rightly but
/// slowly, a block for each example. What training waits for is kept apart from what read() brings
/// in: validation may use other examples of the same blocks. Values are checked whenever they are
/// read; one that breaks the rules throws DataError with the example and the position.
class PagedArray final : public Field {
  public:
    /// `bytes` are the file's contents, with the header in front; `block` examples are read at a
    /// time, and `window` (in examples) is how many may wait for being asked for. `is_small`: such
    /// an array lies in memory where there is enough of it.
    PagedArray(FieldInfo info, ArrayHeader header, ValueRules rules,
               std::unique_ptr<RandomBytes> bytes, int64_t block, int64_t window,
               bool is_small = false);

    void read(int64_t index, float* dst) const override;
    /// When a new epoch begins, examples that still wait from the last one are dropped: it may be
    /// long until anybody asks for them.
    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override;
    int64_t block() const override { return block_; }
    bool can_be_in_memory() const override { return is_small_; }

  private:
    static constexpr size_t kNone = SIZE_MAX;
    using Examples = std::vector<bool>;

    /// Slots, and which examples wait in them.
    struct Waiting {
        Waiting(size_t count, size_t example_bytes);
        uint8_t* slot(size_t number) const { return bytes.get() + number * example_bytes; }
        size_t find(int64_t example) const;
        size_t take_free(int64_t example);
        void make_room(size_t wanted);
        void release(size_t number);

        size_t example_bytes;
        std::unique_ptr<uint8_t[]> bytes;             ///< stored examples, row-major
        std::vector<int64_t> example_in;              ///< per slot; -1: free
        std::vector<size_t> free;                     ///< slots
        std::unordered_map<int64_t, size_t> slot_of;  ///< by example
        size_t last_read = kNone;  ///< the slot that is free as soon as another is read
        size_t next_victim = 0;    ///< the slot that is freed next when there is no room
    };

    size_t load_for_training(int64_t index, const TrainingPass& pass) const;
    int64_t load(Waiting& to, int64_t first, int64_t count, const Examples* wanted) const;
    void convert(Waiting& from, size_t number, int64_t index, float* dst) const;
    int64_t block_size(int64_t number) const { return std::min(block_, count() - number * block_); }
    void read_bytes(uint64_t first_value, void* dst, size_t values) const;

    const ArrayHeader header_;
    const ValueRules rules_;
    const ValueCheck check_;
    const ByteValues byte_values_;
    const int64_t block_;
    const bool is_small_;
    const size_t example_bytes_;
    std::vector<uint64_t> places_;  ///< not in order: where each value of example 0 is

    // read() fills what follows; to its callers it is const.
    mutable std::mutex mutex_;
    const std::unique_ptr<RandomBytes> bytes_;
    mutable Waiting training_, reading_;  ///< for read_for_training() and for read()
    const MemoryOfWindow memory_;         ///< of these two
    /// Per block how many examples training has yet to ask for since it was read; 0: none, or it
    /// was never read.
    mutable std::vector<int64_t> left_of_;
    mutable std::vector<uint8_t> piece_;  ///< a block as it comes from the file
    mutable TrainingPass pass_{0, -1};    ///< the epoch for which examples wait
};

}  // namespace gmc::runtime
