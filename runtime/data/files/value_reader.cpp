// Pieces of a megabyte into bytes or floats, then the checks.
#include "runtime/data/files/value_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "runtime/data/array_field.h"

namespace gmc::runtime {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr uint64_t kValuesMost = uint64_t{1} << 60;
/// Labels above this are taken for values, not for classes.
constexpr float kClassesMost = 1e6F;

bool report_cut_short(const ValueBlock& block, uint64_t end, Diagnostics& diagnostics) {
    diagnostics.error(
        DiagnosticKind::kBadFile, {},
        "`{}` ends at byte {} of its contents, but its header promises {} ({} after {} bytes)",
        block.path, end, block.content_bytes(), block.describe(), block.header_bytes);
    return false;
}

bool report_too_long(const ValueBlock& block, Diagnostics& diagnostics) {
    diagnostics.error(
        DiagnosticKind::kBadFile, {},
        "`{}` goes on after byte {} where its header says it ends ({} after {} bytes)", block.path,
        block.content_bytes(), block.describe(), block.header_bytes);
    return false;
}

/// Hands the values' bytes to sink(bytes, count of values) piece by piece. `to_the_end`: the file
/// must end with them.
template <typename Sink>
bool read_pieces(const ValueBlock& block, bool to_the_end, const ReadBytes& read,
                 Diagnostics& diagnostics, Sink&& sink) {
    const size_t width = block.type->bytes, piece_values = kPieceBytes / width;
    const uint64_t total = block.values();
    std::vector<uint8_t> piece(kPieceBytes);
    for (uint64_t done = 0; done < total;) {
        const size_t count = std::min<uint64_t>(piece_values, total - done);
        Result<size_t> got = read(piece.data(), count * width, diagnostics);
        if (!got) return false;
        if (*got < count * width)
            return report_cut_short(block, block.header_bytes + done * width + *got, diagnostics);
        sink(piece.data(), count);
        done += count;
    }
    if (!to_the_end) return true;
    // One byte more must not be there. Asking for it also makes zlib verify the checksum at the
    // end.
    uint8_t byte = 0;
    Result<size_t> got = read(&byte, 1, diagnostics);
    if (!got) return false;
    return *got == 0 || report_too_long(block, diagnostics);
}

std::vector<int64_t> example_shape(const ValueBlock& block, const ValueRules& rules) {
    std::vector<int64_t> shape(block.dimensions.begin() + 1, block.dimensions.end());
    if (shape.size() == 2) shape.push_back(1);
    // Some data sets keep their labels as a column.
    const bool single = std::all_of(shape.begin(), shape.end(), [](int64_t d) { return d == 1; });
    if (rules.classes > 0 && single) shape.clear();
    return shape;
}

/// The values as an array, and the checks that name a value's offset.
template <typename T>
class Checker {
  public:
    Checker(const ValueBlock& block, const ValueRules& rules, const std::vector<T>& values,
            Diagnostics& diagnostics)
        : block_(block), rules_(rules), values_(values), diagnostics_(diagnostics) {}

    bool check_finite() {
        return all([](float v) { return std::isfinite(v); }, "which is not a finite number");
    }
    bool check_range(ValueRange range) {
        if (all([&](float v) { return v >= range.low && v <= range.high; },
                fmt::format("outside the {} range [{}, {}]",
                            rules_.range_given ? "declared" : "default", range.low, range.high)))
            return true;
        help("only u8 data are scaled into `range`; for other types it says what they span");
        return false;
    }
    bool check_classes() {
        const auto most = static_cast<float>(rules_.classes - 1);
        if (all([&](float v) { return v >= 0 && v <= most && v == std::floor(v); },
                fmt::format("but the labels of {} classes are 0 to {}", rules_.classes, most)))
            return true;
        help(fmt::format("`classes` of `data.{}` says how many there are", rules_.name));
        return false;
    }
    int64_t count_classes() const {
        const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
        if (static_cast<float>(*low) < 0 || static_cast<float>(*high) > kClassesMost) return 0;
        return static_cast<int64_t>(*high) + 1;
    }

  private:
    template <typename Good>
    bool all(Good&& good, const std::string& otherwise) {
        const auto bad = std::find_if(values_.begin(), values_.end(),
                                      [&](T v) { return !good(static_cast<float>(v)); });
        if (bad == values_.end()) return true;
        const auto index = static_cast<uint64_t>(bad - values_.begin());
        last_ = &diagnostics_.error(DiagnosticKind::kBadValue, {},
                                    "`{}` has the value {} at offset {}, {}", block_.path, *bad,
                                    block_.header_bytes + index * block_.type->bytes, otherwise);
        return false;
    }
    void help(std::string text) { last_->help(std::move(text)); }

    const ValueBlock& block_;
    const ValueRules& rules_;
    const std::vector<T>& values_;
    Diagnostics& diagnostics_;
    Diagnostic* last_ = nullptr;
};

/// Checks `values`, and counts the classes if they are labels.
template <typename T>
bool check_values(const ValueBlock& block, const ValueRules& rules, const std::vector<T>& values,
                  FieldInfo& info, Diagnostics& diagnostics) {
    Checker<T> checker(block, rules, values, diagnostics);
    constexpr bool kFloats = std::is_same_v<T, float>;
    if (kFloats && !checker.check_finite()) return false;
    info.class_count = rules.classes;
    if (rules.classes > 0) return checker.check_classes();
    if (kFloats && rules.range && (rules.range_given || info.shape.size() == 3))
        return checker.check_range(*rules.range);
    if (block.dimensions.size() == 1 && block.type->integer && !rules.range)
        info.class_count = checker.count_classes();
    return true;
}

Result<FieldPtr> read_field(const ValueBlock& block, bool to_the_end, const ValueRules& rules,
                            const ReadBytes& read, Diagnostics& diagnostics) {
    FieldInfo info{rules.name, example_shape(block, rules),
                   static_cast<int64_t>(block.dimensions.front()), 0};
    const uint64_t total = block.values();
    if (block.type->convert == nullptr) {
        std::vector<uint8_t> bytes;
        bytes.reserve(total);  // its pages are there only once they are written
        const auto append = [&](const uint8_t* src, size_t count) {
            bytes.insert(bytes.end(), src, src + count);
        };
        if (!read_pieces(block, to_the_end, read, diagnostics, append) ||
            !check_values(block, rules, bytes, info, diagnostics))
            return Failure{};
        return FieldPtr(std::make_shared<ByteField>(
            std::move(info), std::move(bytes), rules.classes > 0 ? std::nullopt : rules.range));
    }
    std::vector<float> values;
    values.reserve(total);
    const auto append = [&](const uint8_t* src, size_t count) {
        values.resize(values.size() + count);
        block.type->convert(src, count, values.data() + values.size() - count);
    };
    if (!read_pieces(block, to_the_end, read, diagnostics, append) ||
        !check_values(block, rules, values, info, diagnostics))
        return Failure{};
    return FieldPtr(std::make_shared<FloatField>(std::move(info), std::move(values)));
}

}  // namespace

uint64_t ValueBlock::values() const {
    uint64_t product = 1;
    for (const uint64_t size : dimensions)
        if (__builtin_mul_overflow(product, size, &product) || product >= kValuesMost)
            product = kValuesMost;
    return product;
}

std::string ValueBlock::describe() const {
    return fmt::format("{} {}", fmt::join(dimensions, " x "), type->name);
}

bool check_size(const ValueBlock& block, uint64_t most, bool compressed, Diagnostics& diagnostics) {
    if (block.content_bytes() > most && compressed) {
        diagnostics.error(
            DiagnosticKind::kBadFile, {},
            "`{}` has at most {} bytes of contents, which cannot hold the {} that its header "
            "promises ({})",
            block.path, most, block.content_bytes(), block.describe());
        return false;
    }
    if (block.content_bytes() > most) return report_cut_short(block, most, diagnostics);
    if (!compressed && block.content_bytes() < most) return report_too_long(block, diagnostics);
    const uint64_t needed = block.values() * (block.type->convert ? sizeof(float) : 1);
    return check_fits_memory(fmt::format("`{}` ({})", block.path, block.describe()), needed,
                             diagnostics);
}

bool check_rules(const ValueRules& rules, Diagnostics& diagnostics) {
    if (!rules.range || rules.range->low < rules.range->high) return true;
    diagnostics.error(DiagnosticKind::kBadValue, {},
                      "`data.{}` has the range [{}, {}], which is empty", rules.name,
                      rules.range->low, rules.range->high);
    return false;
}

Result<FieldPtr> read_values(const ValueBlock& block, const ValueRules& rules,
                             const ReadBytes& read, Diagnostics& diagnostics) {
    ValueBlock wanted = block;
    const auto count = static_cast<uint64_t>(rules.count);
    const bool to_the_end = count == 0 || count >= block.dimensions.front();
    if (!to_the_end) wanted.dimensions.front() = count;
    try {
        return read_field(wanted, to_the_end, rules, read, diagnostics);
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` does not fit into memory ({})",
                          block.path, block.describe());
        return Failure{};
    }
}

}  // namespace gmc::runtime
