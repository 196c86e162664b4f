// One reader per type; a message says what was seen and what is allowed.
#include "dsl/values.h"

#include <algorithm>
#include <set>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "dsl/lexer.h"
#include "dsl/scalar.h"

namespace gmc::dsl {
namespace {

constexpr double kMostElements = 2147483648.0;  // 2^31, of one example
constexpr size_t kMostDimensions = 8;

void wrong_type(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    if (node.failed) return;
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kWrongType, node.span, "`{}` is {}, not {}", row.key,
                          describe(row), describe(node));
    note_origin(error, node);
    const bool numeric =
        row.type == KeyType::kInteger || row.type == KeyType::kNumber || row.type == KeyType::kPair;
    if (!node.is_scalar()) return;
    if (numeric && node.quoted && parse_number(node.text)) error.help("write it without quotes");
    if (numeric && node.text.find('_') != std::string::npos)
        error.help("digits are written without `_`");
    if (row.type == KeyType::kFlag) {
        static const std::vector<std::string> kYes = {"yes",  "Yes",  "on", "On",
                                                      "True", "TRUE", "1",  "y"};
        static const std::vector<std::string> kNo = {"no",    "No",    "off", "Off",
                                                     "False", "FALSE", "0",   "n"};
        if (std::count(kYes.begin(), kYes.end(), node.text)) error.help("write `true`");
        if (std::count(kNo.begin(), kNo.end(), node.text)) error.help("write `false`");
    }
    if (row.type == KeyType::kInteger && parse_number(node.text) && !node.quoted)
        error.help("an integer has no point and no exponent");
}

/// Is `value` within the row's range? Reports kTooLarge above it and kBadValue below it.
bool check_range(double value, const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    if (row.range.low == row.range.high || row.range.holds(value)) return true;
    const bool large = value > row.range.low && row.range.high >= 1000;
    note_origin(
        diagnostics.error(large ? DiagnosticKind::kTooLarge : DiagnosticKind::kBadValue, node.span,
                          "`{}` is {}, it has to be {}", row.key, node.text, describe(row.range)),
        node);
    return false;
}

std::optional<int64_t> read_integer(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    const bool plain = node.is_scalar() && !node.quoted;
    const std::optional<int64_t> value = plain ? parse_integer(node.text) : std::nullopt;
    if (value) {
        if (!check_range(static_cast<double>(*value), node, row, diagnostics)) return std::nullopt;
        return value;
    }
    // Digits only, but more of them than 64 bits hold.
    const bool digits = plain && !node.text.empty() && node.text[0] != '0' &&
                        node.text.find_first_not_of("0123456789") == std::string::npos;
    if (digits)
        diagnostics.error(DiagnosticKind::kTooLarge, node.span, "`{}` is {}, it has to be {}",
                          row.key, node.text.substr(0, 40), describe(row.range));
    else
        wrong_type(node, row, diagnostics);
    return std::nullopt;
}

std::optional<double> read_number(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    const std::optional<double> value =
        node.is_scalar() && !node.quoted ? parse_number(node.text) : std::nullopt;
    if (!value) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (!check_range(*value, node, row, diagnostics)) return std::nullopt;
    return value;
}

std::optional<std::vector<int64_t>> read_pair(const Node& node, const KeyRow& row,
                                              Diagnostics& diagnostics) {
    if (node.is_scalar()) {
        const std::optional<int64_t> both = read_integer(node, row, diagnostics);
        if (!both) return std::nullopt;
        return std::vector<int64_t>{*both, *both};
    }
    if (!node.is_list() || node.items.size() != 2) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    const std::optional<int64_t> first = read_integer(*node.items[0], row, diagnostics);
    const std::optional<int64_t> second = read_integer(*node.items[1], row, diagnostics);
    if (!first || !second) return std::nullopt;
    return std::vector<int64_t>{*first, *second};
}

std::optional<std::string> read_word(const Node& node, const KeyRow& row,
                                     Diagnostics& diagnostics) {
    const std::vector<std::string> words = split_words(row.words);
    if (!node.is_scalar()) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (std::count(words.begin(), words.end(), node.text)) return node.text;
    note_origin(report_unknown(DiagnosticKind::kBadValue, node.span,
                               fmt::format("`{}` cannot be `{}`", row.key, node.text), node.text,
                               words, diagnostics),
                node);
    return std::nullopt;
}

std::optional<std::string> read_text(const Node& node, const KeyRow& row,
                                     Diagnostics& diagnostics) {
    if (!node.is_scalar()) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (row.type == KeyType::kName &&
        !check_name(node.text, fmt::format("`{}`", row.key), node.span, diagnostics))
        return std::nullopt;
    if (node.text.find('\n') != std::string::npos && row.type == KeyType::kText) {
        std::string line = node.text;
        std::replace(line.begin(), line.end(), '\n', ' ');
        return line;
    }
    return node.text;
}

template <typename T>
std::optional<LayerValue> as_value(std::optional<T> value) {
    if (!value) return std::nullopt;
    return LayerValue(std::move(*value));
}

void report_null(const Entry& entry, const KeyRow& row, Diagnostics& diagnostics) {
    // `layers:` with its list dedented is valid YAML: the list's place tells nothing, the empty key
    // does.
    const bool more = row.type == KeyType::kStructure;
    diagnostics.error(DiagnosticKind::kWrongType, entry.key_span, "`{}` has no value{}", entry.key,
                      more ? "; are the lines below it indented one level too little?" : "");
}

}  // namespace

Diagnostic& note_origin(Diagnostic& error, const Node& node) {
    if (node.defined.known()) error.note(node.defined, "the value comes from here");
    return error;
}

Diagnostic& report_unknown(DiagnosticKind kind, Span where, const std::string& text,
                           const std::string& name, const std::vector<std::string>& known,
                           Diagnostics& diagnostics) {
    // The search is quadratic; beyond some errors or names nobody reads the result.
    constexpr size_t kMostSearched = 500, kMostErrors = 200;
    const std::span<const std::string> searched(known.data(),
                                                std::min(known.size(), kMostSearched));
    const std::string nearest =
        diagnostics.count() < kMostErrors ? nearest_name(name, searched) : "";
    Diagnostic& error =
        diagnostics.error(kind, where, "{}{}", text,
                          nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest));
    constexpr size_t kMostListed = 30;
    if (!known.empty() && known.size() <= kMostListed)
        error.help(known.size() == 1 ? fmt::format("allowed is {}", quoted_list(known))
                                     : fmt::format("allowed are {}", quoted_list(known)));
    return error;
}

bool check_name(const std::string& text, const std::string& what, Span where,
                Diagnostics& diagnostics) {
    constexpr size_t kLongestName = 100;
    if (is_name(text) && text.size() <= kLongestName) return true;
    diagnostics.error(
        DiagnosticKind::kBadValue, where,
        "{} cannot be called `{}`: a name is a letter or _, then letters, digits and _, at most {}",
        what, text.substr(0, 40), kLongestName);
    return false;
}

bool expect_map(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics) {
    if (node.is_map()) return true;
    if (node.failed) return false;
    if (node.is_null())
        diagnostics.error(DiagnosticKind::kWrongType, where,
                          "{} has no value; are the lines below it indented one level too little?",
                          what);
    else
        diagnostics.error(DiagnosticKind::kWrongType, node.span.known() ? node.span : where,
                          "{} is a map of keys and values, not {}", what, describe(node));
    return false;
}

bool expect_list(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics) {
    if (node.is_list()) return true;
    if (node.failed) return false;
    diagnostics.error(DiagnosticKind::kWrongType,
                      node.is_null() || !node.span.known() ? where : node.span,
                      "{} is a list, not {}", what, describe(node));
    return false;
}

bool check_keys(const Node& map, std::span<const KeyRow> rows, const std::string& what, Span where,
                Diagnostics& diagnostics) {
    if (!expect_map(map, what, where, diagnostics)) return false;
    bool ok = true;
    std::set<std::string> meant;  // keys that a misspelt one stands for: they are not missing
    const std::vector<std::string> known = key_names(rows);
    for (const Entry& entry : map.entries) {
        const KeyRow* row = find_key(rows, entry.key);
        if (row && !entry.value->is_null()) continue;
        ok = false;
        if (row) {
            report_null(entry, *row, diagnostics);
            continue;
        }
        report_unknown(DiagnosticKind::kUnknownKey, entry.key_span,
                       fmt::format("{} has no key `{}`", what, entry.key), entry.key, known,
                       diagnostics);
        meant.insert(nearest_name(entry.key, known));
    }
    for (const KeyRow& row : rows) {
        if (!row.required() || map.find(row.key) || meant.count(row.key)) continue;
        const std::string_view doc = row.doc;
        diagnostics.error(DiagnosticKind::kMissingKey, where, "{} needs the key `{}` ({})", what,
                          row.key, doc.substr(0, doc.find("; ")));
        ok = false;
    }
    return ok;
}

LayerValue default_value(const KeyRow& row) {
    GMC_CHECK(row.has_default(), "`{}` has no default", row.key);
    switch (row.type) {
        case KeyType::kInteger:
            return parse_integer(row.fallback).value();
        case KeyType::kNumber:
            return parse_number(row.fallback).value();
        case KeyType::kFlag:
            return parse_flag(row.fallback).value();
        case KeyType::kPair:
            return std::vector<int64_t>(2, parse_integer(row.fallback).value());
        default:
            return std::string(row.fallback);
    }
}

std::optional<LayerValue> read_value(const Node& node, const KeyRow& row,
                                     Diagnostics& diagnostics) {
    if (node.failed) return std::nullopt;
    switch (row.type) {
        case KeyType::kInteger:
            return as_value(read_integer(node, row, diagnostics));
        case KeyType::kNumber:
            return as_value(read_number(node, row, diagnostics));
        case KeyType::kPair:
            return as_value(read_pair(node, row, diagnostics));
        case KeyType::kShape:
            return as_value(read_shape(node, fmt::format("`{}`", row.key), diagnostics));
        case KeyType::kInitializer:
        case KeyType::kWord:
            return as_value(read_word(node, row, diagnostics));
        case KeyType::kText:
        case KeyType::kName:
            return as_value(read_text(node, row, diagnostics));
        case KeyType::kFlag:
            break;
        default:
            GMC_CHECK(false, "`{}` is no simple key", row.key);
    }
    const std::optional<bool> flag =
        node.is_scalar() && !node.quoted ? parse_flag(node.text) : std::nullopt;
    if (!flag) wrong_type(node, row, diagnostics);
    return as_value(flag);
}

Values read_values(const Node& map, std::span<const KeyRow> rows, const std::string& what,
                   Span where, Diagnostics& diagnostics) {
    Values out;
    out.ok = check_keys(map, rows, what, where, diagnostics);
    for (const KeyRow& row : rows) {
        if (row.type == KeyType::kStructure || row.type == KeyType::kExpression ||
            row.type == KeyType::kNames)
            continue;
        const Entry* entry = map.find(row.key);
        if (entry && !entry->value->is_null()) {
            if (auto value = read_value(*entry->value, row, diagnostics)) {
                out.values[row.key] = std::move(*value);
                out.spans[row.key] = entry->value->span;
            } else {
                out.ok = false;
            }
        } else if (row.has_default()) {
            out.values[row.key] = default_value(row);
        }
    }
    return out;
}

std::vector<PlacedName> read_names(const Node& node, const std::string& what,
                                   Diagnostics& diagnostics) {
    std::vector<PlacedName> out;
    const std::vector<NodePtr> items =
        node.is_list() ? node.items : std::vector<NodePtr>{std::make_shared<const Node>(node)};
    for (const NodePtr& item : items) {
        if (item->failed) continue;
        if (item->is_scalar())
            out.push_back({item->text, item->span});
        else
            diagnostics.error(DiagnosticKind::kWrongType, item->span,
                              "{} is a name or a list of names, not {}", what, describe(*item));
    }
    if (node.is_list() && node.items.empty())
        diagnostics.error(DiagnosticKind::kBadValue, node.span, "{} is empty", what);
    return out;
}

std::optional<std::vector<int64_t>> read_shape(const Node& node, const std::string& what,
                                               Diagnostics& diagnostics) {
    if (node.failed) return std::nullopt;
    static constexpr KeyRow kSize = {"a size", KeyType::kInteger, "1", "", {1, kMostElements}};
    if (!node.is_list() || node.items.empty() || node.items.size() > kMostDimensions) {
        note_origin(
            diagnostics.error(
                DiagnosticKind::kWrongType, node.span,
                "{} is a list of 1 to {} sizes such as [28, 28, 1], not {}", what, kMostDimensions,
                node.is_list() ? fmt::format("{} of them", node.items.size()) : describe(node)),
            node);
        return std::nullopt;
    }
    std::vector<int64_t> shape;
    double elements = 1;
    for (const NodePtr& item : node.items) {
        KeyRow row = kSize;
        const std::string name = fmt::format(
            "{}[{}]", what.size() > 2 && what[0] == '`' ? what.substr(1, what.size() - 2) : what,
            shape.size());
        row.key = name.c_str();
        const std::optional<int64_t> size = read_integer(*item, row, diagnostics);
        if (!size) return std::nullopt;
        shape.push_back(*size);
        elements *= static_cast<double>(*size);
    }
    if (elements > kMostElements) {
        diagnostics.error(DiagnosticKind::kTooLarge, node.span,
                          "{} has {} elements; an example may have at most {}", what,
                          format_number(elements), format_number(kMostElements));
        return std::nullopt;
    }
    return shape;
}

}  // namespace gmc::dsl
