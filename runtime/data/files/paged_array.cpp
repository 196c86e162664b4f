// A field whose examples stay in their file. There are slots for examples, a map that says which
// example is in which slot, and blocks of neighbouring examples that are read into free slots when
// one of them is asked for.
#include "runtime/data/files/paged_array.h"

#include <algorithm>
#include <cstring>

namespace gmc::runtime {

/// `window` is how many examples windowed_order() spreads its draws over; so many must be able to
/// wait, and the slots are allocated for that.
PagedArray::PagedArray(FieldInfo info, ArrayHeader header, ValueRules rules,
                       std::unique_ptr<RandomBytes> bytes, int64_t block, int64_t window)
    : Field(std::move(info.name), std::move(info.shape), info.count, info.class_count),
      header_(std::move(header)),
      rules_(std::move(rules)),
      check_(header_, rules_, shape().size()),
      byte_values_(check_.scale()),
      block_(block),
      example_bytes_(header_.example_values() * header_.type->bytes),
      bytes_(std::move(bytes)) {
    // A block at the end of a window is read while all of the window still waits. The rest is for
    // blocks of which only one example was wanted, by whoever looked at a few all over the file.
    const auto slots = static_cast<size_t>(std::min(count(), window + 32 * block));
    asked_of_.assign(static_cast<size_t>((count() + block - 1) / block), -1);
    slots_.reset(new uint8_t[slots * example_bytes_]);  // untouched, so not there before it is used
    example_in_.assign(slots, -1);
    for (size_t number = slots; number-- > 0;) free_.push_back(number);
    piece_.resize(static_cast<size_t>(block) * example_bytes_);
    if (header_.in_order()) return;
    for (uint64_t at = 0; at < header_.example_values(); ++at)
        places_.push_back(header_.value_index(0, at));
}

/// Reads values from the file. Throws DataError.
void PagedArray::read_bytes(uint64_t first_value, void* dst, size_t values) const {
    const size_t width = header_.type->bytes;
    Diagnostics diagnostics;
    const Result<size_t> got =
        bytes_->read(header_.header_bytes + first_value * width, dst, values * width, diagnostics);
    if (!got) throw DataError(diagnostics.list().front().text);
    if (*got < values * width)
        throw DataError(
            fmt::format("`{}` ends at byte {} of its contents, but its header promises {} ({})",
                        header_.path, header_.header_bytes + first_value * width + *got,
                        header_.content_bytes(), header_.describe()));
}

/// Frees slots until there are `wanted`. What waited in them is read again when it is asked for.
void PagedArray::make_room(size_t wanted) const {
    while (free_.size() < wanted) {
        release(next_victim_);
        next_victim_ = (next_victim_ + 1) % example_in_.size();
    }
}

void PagedArray::release(size_t number) const {
    if (example_in_[number] < 0) return;
    slot_of_.erase(example_in_[number]);
    example_in_[number] = -1;
    free_.push_back(number);
    if (last_read_ == number) last_read_ = kNone;
}

/// Reads example `index` with its block. Where the block was read before and not all of it has been
/// asked for, `index` is one that had to make room: then it is read alone, because the others would
/// fill slots in vain.
void PagedArray::load(int64_t index) const {
    int64_t& asked = asked_of_[static_cast<size_t>(index / block_)];
    const bool alone = asked >= 0;
    if (!alone) asked = 0;
    const int64_t first = alone ? index : index / block_ * block_;
    const auto examples = static_cast<size_t>(alone ? 1 : block_size(index / block_));
    const size_t values = header_.example_values(), width = header_.type->bytes;
    if (!header_.column_major) {
        read_bytes(static_cast<uint64_t>(first) * values, piece_.data(), examples * values);
    } else {
        for (size_t at = 0; at < values; ++at)
            read_bytes(places_[at] + static_cast<uint64_t>(first),
                       piece_.data() + at * examples * width, examples);
    }
    make_room(examples);
    for (size_t i = 0; i < examples; ++i) {
        const int64_t example = first + static_cast<int64_t>(i);
        if (slot_of_.count(example) > 0) continue;  // it waits since an earlier reading
        const size_t number = free_.back();
        free_.pop_back();
        slot_of_[example] = number;
        example_in_[number] = example;
        const auto put = [&](size_t at, size_t from) {
            std::memcpy(slot(number) + at * width, piece_.data() + from * width, width);
        };
        if (header_.in_order())
            std::memcpy(slot(number), piece_.data() + i * example_bytes_, example_bytes_);
        else
            for (size_t at = 0; at < values; ++at)
                put(at, header_.column_major ? at * examples + i : i * values + places_[at]);
    }
}

/// The slot of an example, which is read if it is not there.
size_t PagedArray::slot_of(int64_t index) const {
    auto found = slot_of_.find(index);
    if (found == slot_of_.end()) {
        load(index);
        found = slot_of_.find(index);
    }
    return found->second;
}

void PagedArray::read(int64_t index, float* dst) const {
    const std::lock_guard lock(mutex_);
    read_locked(index, dst);
}

void PagedArray::read_for_training(int64_t index, const TrainingPass& pass, float* dst) const {
    const std::lock_guard lock(mutex_);
    if (pass.epoch != pass_.epoch || pass.seed != pass_.seed) {
        for (size_t number = 0; number < example_in_.size(); ++number) release(number);
        asked_of_.assign(asked_of_.size(), -1);
        pass_ = pass;
    }
    read_locked(index, dst);
}

/// Converts an example and checks its values. Its slot is freed when the next one is read.
void PagedArray::read_locked(int64_t index, float* dst) const {
    const size_t number = slot_of(index);
    int64_t& asked = asked_of_[static_cast<size_t>(index / block_)];
    if (++asked >= block_size(index / block_)) asked = -1;
    const size_t values = header_.example_values();
    if (check_.scale())
        byte_values_.convert(slot(number), values, dst);
    else
        header_.type->convert(slot(number), values, dst);
    if (check_.any())
        for (size_t i = 0; i < values; ++i)
            if (!check_.is_good(dst[i]))
                throw DataError(
                    check_.error(dst[i], static_cast<uint64_t>(index) * values + i).text);
    // The last batch of an epoch repeats its last example, so an example is kept until another one
    // is asked for.
    if (last_read_ != kNone && last_read_ != number) release(last_read_);
    last_read_ = number;
}

}  // namespace gmc::runtime
