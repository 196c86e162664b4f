// Reads a stored array as a field: in pieces of a megabyte into a vector of bytes or floats, then
// checks the values. An array too large for memory stays in its file instead (paged_array.h).
#include "runtime/data/files/array_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <new>

#include "compiler/support/stop_work.h"
#include "runtime/data/array_field.h"
#include "runtime/data/files/float_loss.h"
#include "runtime/data/files/paged_array.h"
#include "runtime/data/files/value_check.h"
#include "runtime/data/shuffle.h"
#include "runtime/files/array_file.h"
#include "runtime/files/label_count.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {
namespace {

/// Large enough that the calls cost nothing, small enough for the second-level cache.
constexpr size_t kPieceBytes = size_t{1} << 20;

/// One array that is read whole into a vector of T: the stored bytes, or floats.
template <typename T>
class ArrayReader {
  public:
    ArrayReader(ArrayFile& file, const ValueRules& rules, FieldInfo info, Diagnostics& diagnostics)
        : file_(file),
          header_(file.header()),
          rules_(rules),
          info_(std::move(info)),
          check_(header_, rules_, info_.shape.size()),
          diagnostics_(diagnostics) {}

    bool run() { return read() && check(); }
    FieldInfo info() { return std::move(info_); }
    std::optional<ValueRange> scale() const { return check_.scale(); }
    std::vector<T> values() { return std::move(values_); }

  private:
    bool read();
    void make_row_major();
    void put_channels_last();
    bool check();
    void check_scaling(ValueRange range);
    void count_classes();

    ArrayFile& file_;
    const ArrayHeader& header_;
    const ValueRules& rules_;
    FieldInfo info_;
    const ValueCheck check_;
    Diagnostics& diagnostics_;
    std::vector<T> values_;
};

/// Reads the first `info_.count` examples; all of the file where that is all, or where examples lie
/// apart.
template <typename T>
bool ArrayReader<T>::read() {
    const bool all =
        header_.column_major || static_cast<uint64_t>(info_.count) == header_.dimensions.front();
    const uint64_t total =
        all ? header_.values() : static_cast<uint64_t>(info_.count) * header_.example_values();
    const size_t width = header_.type->bytes;
    std::vector<uint8_t> piece(kPieceBytes);
    FloatLoss loss(header_);
    values_.reserve(total);  // a page of it takes memory only when it is written
    for (uint64_t done = 0; done < total;) {
        check_work_stop();
        const size_t count = std::min<uint64_t>(kPieceBytes / width, total - done);
        if (!file_.read_values(piece.data(), count, diagnostics_)) return false;
        loss.add(piece.data(), count);
        values_.resize(done + count);
        if constexpr (std::is_same_v<T, float>)
            header_.type->convert(piece.data(), count, values_.data() + done);
        else
            std::copy_n(piece.data(), count, values_.data() + done);
        done += count;
    }
    if (all && !file_.check_end(diagnostics_)) return false;
    loss.warn(diagnostics_);
    if (header_.column_major)
        make_row_major();
    else if (header_.channels_first)
        put_channels_last();
    return true;
}

/// Column-major values are read whole and then moved into row-major order, 64 examples at a time.
template <typename T>
void ArrayReader<T>::make_row_major() {
    constexpr size_t kExamplesAtOnce = 64;  // so that what is written stays in the caches
    const size_t count = static_cast<size_t>(info_.count), size = header_.example_values();
    std::vector<uint64_t> places(size);
    for (size_t at = 0; at < size; ++at) places[at] = header_.value_index(0, at);
    std::vector<T> sorted(count * size);
    for (size_t first = 0; first < count; first += kExamplesAtOnce)
        for (size_t at = 0; at < size; ++at)
            for (size_t i = first; i < std::min(first + kExamplesAtOnce, count); ++i)
                sorted[i * size + at] = values_[places[at] + i];
    values_ = std::move(sorted);
}

/// Row-major examples with channels first: each is put in order by itself.
template <typename T>
void ArrayReader<T>::put_channels_last() {
    const size_t size = header_.example_values();
    std::vector<uint64_t> places(size);
    for (size_t at = 0; at < size; ++at) places[at] = header_.value_index(0, at);
    std::vector<T> stored(size);
    for (size_t first = 0; first < values_.size(); first += size) {
        std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(first), size, stored.begin());
        for (size_t at = 0; at < size; ++at) values_[first + at] = stored[places[at]];
    }
}

/// Warns of masks that were saved as bytes 0 and 1: scaled, they would all become almost 0.
template <typename T>
void ArrayReader<T>::check_scaling(ValueRange range) {
    if (*std::max_element(values_.begin(), values_.end()) != 1) return;
    diagnostics_
        .warning(DiagnosticKind::kBadValue, {},
                 "`{}` holds no bytes but 0 and 1, which `range: [{}, {}]` makes {} and {:.4g}",
                 header_.path, range.low, range.high, range.low,
                 range.low + (range.high - range.low) / 255)
        .help(
            "bytes 0 to 255 are scaled into `range`; save `x * 255`, or `x.astype(bool)`, which "
            "stays 0 and 1");
}

/// Single integers without a range or classes are taken for labels: counts their classes.
template <typename T>
void ArrayReader<T>::count_classes() {
    const std::vector<float> labels(values_.begin(), values_.end());
    LabelCount count;
    count.add(labels.data(), labels.size());
    info_.class_count = count.classes();
}

/// The values against the rules; counts the classes if they are labels.
template <typename T>
bool ArrayReader<T>::check() {
    const auto bad = check_.any()
                         ? std::find_if(values_.begin(), values_.end(),
                                        [&](T v) { return !check_.is_good(static_cast<float>(v)); })
                         : values_.end();
    if (bad != values_.end()) {
        diagnostics_.add(
            check_.error(static_cast<float>(*bad), static_cast<uint64_t>(bad - values_.begin())));
        return false;
    }
    info_.class_count = rules_.classes;
    if (check_.scale())
        check_scaling(*check_.scale());
    else if (rules_.classes == 0 && !rules_.range && header_.dimensions.size() == 1 &&
             header_.type->is_integer())
        count_classes();
    return true;
}

bool check_rules(const ValueRules& rules, Diagnostics& diagnostics) {
    if (!rules.range || rules.range->low < rules.range->high) return true;
    diagnostics.error(DiagnosticKind::kBadValue, {},
                      "`data.{}` has the range [{}, {}], which is empty", rules.name,
                      rules.range->low, rules.range->high);
    return false;
}

/// The shape, and how many examples of the file are read. Reports kShapeMismatch.
Result<FieldInfo> plan(const ArrayHeader& header, const ValueRules& rules,
                       Diagnostics& diagnostics) {
    FieldInfo info{rules.name, header.example_shape(),
                   static_cast<int64_t>(header.dimensions.front()), 0};
    if (rules.count > 0) info.count = std::min(info.count, rules.count);
    if (rules.classes > 0 && header.can_be({})) info.shape.clear();
    if (!rules.shape) return info;
    if (header.can_be(*rules.shape)) {
        info.shape = *rules.shape;
        return info;
    }
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kShapeMismatch, {}, "`{}` holds {}, but the model was compiled for {}",
        header.path, describe_examples(info.shape), describe_examples(*rules.shape));
    if (header.channels_first)
        error.help("the model has `layout: channels_first`: save `x.transpose(0, 3, 1, 2)`");
    if (header.looks_channels_first())
        error.help("channels come last: save `x.transpose(0, 2, 3, 1)`");
    return Failure{};
}

Result<FieldPtr> read_field(ArrayFile& file, const ValueRules& rules, FieldInfo info,
                            Diagnostics& diagnostics) {
    if (file.header().type->is_byte()) {
        ArrayReader<uint8_t> reader(file, rules, std::move(info), diagnostics);
        if (!reader.run()) return Failure{};
        return FieldPtr(
            std::make_shared<ByteField>(reader.info(), reader.values(), reader.scale()));
    }
    ArrayReader<float> reader(file, rules, std::move(info), diagnostics);
    if (!reader.run()) return Failure{};
    return FieldPtr(std::make_shared<FloatField>(reader.info(), reader.values()));
}

/// Half of the machine is for the array, the rest for all else; the model may take more. What other
/// programs hold just now does not count: the order of examples depends on the answer.
bool fits_machine(uint64_t bytes) {
    const auto all = static_cast<uint64_t>(memory_of_machine().bytes);
    return bytes <= all / 2 &&
           bytes + static_cast<uint64_t>(asked_memory() + expected_memory()) <= all;
}

/// Says that an array stays in its file although it would be held in memory elsewhere.
void warn_of_paging(const ArrayHeader& header, Diagnostics& diagnostics) {
    diagnostics
        .warning(
            DiagnosticKind::kTooLarge, {},
            "`{}` ({}) does not fit into the memory that there is, so it is read from the file "
            "while training",
            header.path, header.describe())
        .help(
            "the examples of a new run then come in another order than where there is more memory");
}

/// Warns of what the first examples lose as f32; the others are read while training. A column-major
/// file would have to be read in as many places as an example has.
bool look_at_first(RandomBytes& bytes, const ArrayHeader& header, int64_t examples,
                   Diagnostics& diagnostics) {
    if (header.column_major || header.type->widen == nullptr) return true;
    const size_t values = static_cast<size_t>(examples) * header.example_values();
    std::vector<uint8_t> first(values * header.type->bytes);
    const Result<size_t> got =
        bytes.read(header.header_bytes, first.data(), first.size(), diagnostics);
    if (!got) return false;
    FloatLoss loss(header);
    loss.add(first.data(), *got / header.type->bytes);
    loss.warn(diagnostics);
    return true;
}

/// Leaves the values in the file.
Result<FieldPtr> page(const ArrayFile& file, const ValueRules& rules, FieldInfo info, bool is_small,
                      Diagnostics& diagnostics) {
    const ArrayHeader& header = file.header();
    if (file.is_compressed() && header.column_major) {
        diagnostics
            .error(DiagnosticKind::kTooLarge, {},
                   "`{}` ({}) is too large to be held in memory, and compressed and column-major, "
                   "so that no example can be read without all of it",
                   header.path, header.describe())
            .help("save it row-major, `np.ascontiguousarray(x)`, or not compressed");
        return Failure{};
    }
    Result<std::unique_ptr<RandomBytes>> bytes = file.open_random(diagnostics);
    if (!bytes) return Failure{};
    const int64_t block = rules.block > 0 ? rules.block : usual_block(header.example_values());
    if (!look_at_first(**bytes, header, std::min(block, info.count), diagnostics)) return Failure{};
    info.class_count = rules.classes;
    return FieldPtr(std::make_shared<PagedArray>(std::move(info), header, rules, bytes.take(),
                                                 block, block * kWindowBlocks, is_small));
}

}  // namespace

int64_t usual_block(uint64_t example_values) {
    constexpr uint64_t kBlockValues = 128 * 1024;
    return static_cast<int64_t>(std::max<uint64_t>(kBlockValues / example_values, 1));
}

/// Arrays of up to `memory_most` bytes are read at once and kept, as bytes where they are bytes;
/// larger ones, and those for which there is no memory, are read from the file page by page while
/// they are used. An array in Fortran's order
/// has to be read whole even where only some examples are wanted, since the values of an example
/// lie apart.
Result<FieldPtr> read_array(const ArrayPlace& place, const ValueRules& rules,
                            Diagnostics& diagnostics) {
    if (!check_rules(rules, diagnostics)) return Failure{};
    Result<ArrayFile> file = ArrayFile::open(place.format, place.path, place.key, diagnostics);
    if (!file || (place.channels_first && !file->take_channels_first(diagnostics)))
        return Failure{};
    const ArrayHeader& header = file->header();
    Result<FieldInfo> info = plan(header, rules, diagnostics);
    if (!info) return Failure{};
    const uint64_t stored = header.type->is_byte() ? 1 : sizeof(float);
    const uint64_t examples =
        header.column_major ? header.dimensions.front() : static_cast<uint64_t>(info->count);
    const uint64_t bytes = examples * header.example_values() * stored;
    try {
        if (bytes <= rules.memory_most && fits_machine(bytes))
            return read_field(*file, rules, *info, diagnostics);
    } catch (const std::bad_alloc&) {
        // `ulimit` has the last word on what fits.
    }
    if (bytes <= rules.memory_most) warn_of_paging(header, diagnostics);
    try {
        return page(*file, rules, info.take(), bytes <= kArrayMemoryMost, diagnostics);
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "there is not even memory for a part of `{}` ({})", header.path,
                          header.describe());
        return Failure{};
    }
}

}  // namespace gmc::runtime
