// Looks up rows of the table, and describes rows in words for messages and the reference page.
#include "dsl/schema/schema.h"

#include <fmt/format.h>

#include <cmath>

#include "compiler/support/check.h"
#include "compiler/support/numbers.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {

// These two are compared by address, so no default that a row has can be mistaken for them.
const char* const kRequired = "(required)";
const char* const kOptional = "(optional)";

bool KeyRow::required() const { return fallback == kRequired; }
bool KeyRow::has_default() const { return fallback != kRequired && fallback != kOptional; }

const LayerRow* find_layer(std::string_view kind) {
    for (const LayerRow& row : layer_table())
        if (row.kind == kind) return &row;
    return nullptr;
}

const LayerRow* find_layer_function(std::string_view name) {
    const LayerRow* row = find_layer(name);
    return row != nullptr && !row->weights && name != kExpressionLayer ? row : nullptr;
}

// The table is code, so a name without a row is a bug in this folder.
const MappingRow& mapping(std::string_view name) {
    for (const MappingRow& row : mapping_table())
        if (row.name == name) return row;
    GMC_CHECK(false, "the table of the language has no mapping `{}`", name);
}

const KeyRow* find_key(std::span<const KeyRow> rows, std::string_view key) {
    for (const KeyRow& row : rows)
        if (row.key == key) return &row;
    return nullptr;
}

std::vector<std::string> split_words(std::string_view words) {
    std::vector<std::string> out;
    while (!words.empty()) {
        const size_t bar = words.find('|');
        out.emplace_back(words.substr(0, bar));
        words = bar == std::string_view::npos ? "" : words.substr(bar + 1);
    }
    return out;
}

std::string quoted_list(const std::vector<std::string>& names, std::string_view last) {
    std::string out;
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0) out += i + 1 == names.size() ? fmt::format(" {} ", last) : ", ";
        out += "`" + names[i] + "`";
    }
    return out;
}

std::vector<std::string> key_names(std::span<const KeyRow> rows) {
    std::vector<std::string> out;
    for (const KeyRow& row : rows) out.emplace_back(row.key);
    return out;
}

std::string describe(const Range& range) {
    const std::string low = format_number(range.low), high = format_number(range.high);
    const bool below = std::isfinite(range.low), above = std::isfinite(range.high);
    if (below && above && !range.open_low && !range.open_high)
        return fmt::format("from {} to {}", low, high);
    std::string out;
    if (below) out = fmt::format("{} {}", range.open_low ? "above" : "at least", low);
    if (above)
        out += fmt::format("{}{} {}", below ? " and " : "", range.open_high ? "below" : "at most",
                           high);
    return out;
}

// What is above 0 or below 1 has to be so as a number of 32 bits too: a variance plus 1e-50 may be
// 0, and 1 - 1e-9 is 1.
std::string misfit(double value, const Range& range) {
    if (std::isnan(value)) return "which is not a number";
    if (!fits_f32(value)) return "which does not fit in f32";
    if (range.low == range.high) return "";
    if (!range.holds(value)) return "it has to be " + describe(range);
    const auto in_f32 = [](double x) { return static_cast<float>(x); };
    const Range rounded{in_f32(range.low), in_f32(range.high), range.open_low, range.open_high};
    return rounded.holds(in_f32(value))
               ? ""
               : fmt::format("which is {} in f32, it has to be {}", in_f32(value), describe(range));
}

// What a key accepts, in the words that messages and the reference page share.
std::string describe(const KeyRow& row) {
    const auto ranged = [&](const char* what) {
        const std::string range = row.range.low == row.range.high ? "" : describe(row.range);
        return range.empty() ? std::string(what) : fmt::format("{} {}", what, range);
    };
    switch (row.type) {
        case KeyType::kInteger:
            return ranged("an integer");
        case KeyType::kNumber:
            return ranged("a number");
        case KeyType::kFlag:
            return "`true` or `false`";
        case KeyType::kWord:
            return quoted_list(split_words(row.words), "or");
        case KeyType::kText:
            return "text";
        case KeyType::kName:
            return "a name";
        case KeyType::kNames:
            return "a name or a list of names";
        case KeyType::kShape:
            return "a shape such as [28, 28, 1], " +
                   (row.range.low < 0 ? std::string("each size at least 1") : ranged("each size"));
        case KeyType::kPerAxis: {
            constexpr const char* kLists[] = {
                "an integer or a list of one per axis,", "an integer or a list of one,",
                "an integer or a list of two,", "an integer or a list of three,"};
            return ranged(kLists[row.axes]);
        }
        case KeyType::kAxes:
            return "a list of axes such as [1, 0, 2]";
        case KeyType::kExpression:
            return ranged("a number") + ", an expression or a schedule";
        case KeyType::kInitializer:
            return quoted_list(split_words(row.words), "or");
        case KeyType::kStructure:
            break;
    }
    return "a map or a list";
}

// Looks in all mappings, since a merge does not know which one it is in. That is safe: keys that
// exclude each other in one mapping do not go together in another.
std::vector<std::string> exclusive_keys(std::string_view key) {
    std::vector<std::string> out;
    for (const MappingRow& row : mapping_table()) {
        const KeyRow* own = find_key(row.keys, key);
        if (!own || !*own->group) continue;
        for (const KeyRow& other : row.keys)
            if (other.key != key && std::string_view(other.group) == own->group)
                out.emplace_back(other.key);
    }
    return out;
}

}  // namespace gmc::dsl
