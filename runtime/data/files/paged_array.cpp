// A field whose examples stay in their file. There are slots for examples, a map that says which
// example is in which slot, and blocks of neighbouring examples that are read into free slots when
// one of them is asked for; all that once for training and once for whoever else reads.
#include "runtime/data/files/paged_array.h"

#include <algorithm>
#include <cstring>

namespace gmc::runtime {

/// read() goes through a file in order, mostly; whoever looks at examples here and there finds the
/// neighbours of the last ones.
constexpr int64_t kBlocksRead = 8;

PagedArray::Waiting::Waiting(size_t count, size_t bytes_each)
    : example_bytes(bytes_each),
      bytes(new uint8_t[count * bytes_each]),  // takes memory only where it is used
      example_in(count, -1) {
    for (size_t number = count; number-- > 0;) free.push_back(number);
}

/// The slot of an example; kNone: it does not wait.
size_t PagedArray::Waiting::find(int64_t example) const {
    const auto found = slot_of.find(example);
    return found == slot_of.end() ? kNone : found->second;
}

/// A free slot, which is the example's from now on.
size_t PagedArray::Waiting::take_free(int64_t example) {
    const size_t number = free.back();
    free.pop_back();
    slot_of[example] = number;
    example_in[number] = example;
    return number;
}

/// Frees slots until there are `wanted`. What waited in them is read again when it is asked for.
void PagedArray::Waiting::make_room(size_t wanted) {
    while (free.size() < wanted) {
        release(next_victim);
        next_victim = (next_victim + 1) % example_in.size();
    }
}

void PagedArray::Waiting::release(size_t number) {
    if (example_in[number] < 0) return;
    slot_of.erase(example_in[number]);
    example_in[number] = -1;
    free.push_back(number);
    if (last_read == number) last_read = kNone;
}

/// `window` is how many examples windowed_order() spreads its draws over; so many must be able to
/// wait, and a block at the end of a window is read while all of the window still waits. The rest
/// is for a run that is resumed within an epoch: some examples of a block were used before.
PagedArray::PagedArray(FieldInfo info, ArrayHeader header, ValueRules rules,
                       std::unique_ptr<RandomBytes> bytes, int64_t block, int64_t window,
                       bool is_small)
    : Field(std::move(info.name), std::move(info.shape), info.count, info.class_count),
      header_(std::move(header)),
      rules_(std::move(rules)),
      check_(header_, rules_, shape().size()),
      byte_values_(check_.scale()),
      block_(block),
      is_small_(is_small),
      example_bytes_(header_.example_values() * header_.type->bytes),
      bytes_(std::move(bytes)),
      training_(static_cast<size_t>(std::min(count(), window + 32 * block)), example_bytes_),
      reading_(static_cast<size_t>(std::min(count(), kBlocksRead * block)), example_bytes_),
      memory_(static_cast<int64_t>((training_.example_in.size() + reading_.example_in.size()) *
                                   example_bytes_)) {
    left_of_.assign(static_cast<size_t>((count() + block - 1) / block), 0);
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
    // Where nothing was read, it may end anywhere before.
    if (*got < values * width)
        throw DataError(fmt::format(
            "`{}` ends {} byte {} of its contents, but its header promises {} ({})", header_.path,
            *got == 0 ? "before" : "at", header_.header_bytes + first_value * width + *got,
            header_.content_bytes(), header_.describe()));
}

/// Reads neighbouring examples of one block and puts those that are wanted into slots; null: all.
/// Returns how many are wanted.
int64_t PagedArray::load(Waiting& to, int64_t first, int64_t count, const Examples* wanted) const {
    const auto examples = static_cast<size_t>(count);
    const size_t values = header_.example_values(), width = header_.type->bytes;
    if (!header_.column_major) {
        read_bytes(static_cast<uint64_t>(first) * values, piece_.data(), examples * values);
    } else {
        for (size_t at = 0; at < values; ++at)
            read_bytes(places_[at] + static_cast<uint64_t>(first),
                       piece_.data() + at * examples * width, examples);
    }
    to.make_room(examples);
    int64_t found = 0;
    for (size_t i = 0; i < examples; ++i) {
        const int64_t example = first + static_cast<int64_t>(i);
        const auto at = static_cast<size_t>(example);
        if (wanted != nullptr && (at >= wanted->size() || !(*wanted)[at])) continue;
        ++found;
        if (to.find(example) != kNone) continue;  // it waits since an earlier reading
        uint8_t* slot = to.slot(to.take_free(example));
        const auto put = [&](size_t value, size_t from) {
            std::memcpy(slot + value * width, piece_.data() + from * width, width);
        };
        if (header_.in_order())
            std::memcpy(slot, piece_.data() + i * example_bytes_, example_bytes_);
        else
            for (size_t v = 0; v < values; ++v)
                put(v, header_.column_major ? v * examples + i : i * values + places_[v]);
    }
    return found;
}

/// Reads example `index` with those of its block that the pass visits. Where the block was read
/// before and not all of them have been asked for, `index` is one that had to make room: then it is
/// read alone, because the others would fill slots in vain; so is each where the order is another
/// than by blocks. Returns its slot.
size_t PagedArray::load_for_training(int64_t index, const TrainingPass& pass) const {
    const int64_t number = index / block_;
    int64_t& left = left_of_[static_cast<size_t>(number)];
    if (left > 0 || !pass.by_blocks)
        load(training_, index, 1, nullptr);
    else
        left = load(training_, number * block_, block_size(number), pass.part);
    return training_.find(index);
}

void PagedArray::read(int64_t index, float* dst) const {
    const std::lock_guard lock(mutex_);
    if (reading_.find(index) == kNone)
        load(reading_, index / block_ * block_, block_size(index / block_), nullptr);
    convert(reading_, reading_.find(index), index, dst);
}

void PagedArray::read_for_training(int64_t index, const TrainingPass& pass, float* dst) const {
    const std::lock_guard lock(mutex_);
    if (pass.epoch != pass_.epoch || pass.seed != pass_.seed) {
        for (size_t number = 0; number < training_.example_in.size(); ++number)
            training_.release(number);
        left_of_.assign(left_of_.size(), 0);
        pass_ = {pass.seed, pass.epoch};
    }
    size_t number = training_.find(index);
    if (number == kNone) number = load_for_training(index, pass);
    int64_t& left = left_of_[static_cast<size_t>(index / block_)];
    left = std::max<int64_t>(left - 1, 0);
    convert(training_, number, index, dst);
}

/// Converts an example and checks its values. Its slot is freed when the next one is read.
void PagedArray::convert(Waiting& from, size_t number, int64_t index, float* dst) const {
    const size_t values = header_.example_values();
    if (check_.scale())
        byte_values_.convert(from.slot(number), values, dst);
    else
        header_.type->convert(from.slot(number), values, dst);
    if (check_.any())
        for (size_t i = 0; i < values; ++i)
            if (!check_.is_good(dst[i]))
                throw DataError(
                    check_.error(dst[i], static_cast<uint64_t>(index) * values + i).text);
    // The last batch of an epoch repeats its last example, so an example is kept until another one
    // is asked for.
    if (from.last_read != kNone && from.last_read != number) from.release(from.last_read);
    from.last_read = number;
}

}  // namespace gmc::runtime
