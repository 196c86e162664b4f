// Reads single values: one function per type of the table. A message says what was seen and what is
// allowed. A node that is marked `failed` has been reported; it gives no value and no further
// message.
#include <algorithm>
#include <cmath>

#include "compiler/support/check.h"
#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"
#include "dsl/text/text_file.h"
#include "dsl/values.h"

namespace gmc::dsl {
namespace {

/// The most axes of an example: as many as the readers of idx and npy files take. Models have one
/// to four.
constexpr size_t kMostDimensions = 8;

std::string without(std::string text, char c) {
    std::erase(text, c);
    return text;
}

}  // namespace

/// The value of arithmetic such as `32 * 2`, which variables make: `"${width} * 2"`. Nothing for a
/// plain number and for what is no arithmetic of numbers.
static std::optional<double> computed_number(const Node& node) {
    if (!node.is_scalar() || node.text.find_first_of("*/+-%^(", 1) == std::string::npos)
        return std::nullopt;
    Diagnostics unheard;  // what cannot be parsed is no number, which the reader says
    const uint32_t file = unheard.sources().add("", node.text);
    const Result<ExpressionPtr> parsed =
        parse_expression(node.text, {file, 1, 1, static_cast<uint32_t>(node.text.size())}, unheard);
    return parsed.ok() ? constant_value(**parsed) : std::nullopt;
}

std::optional<double> number_of(const Node& node) {
    if (node.is_scalar() && !node.quoted)
        if (const std::optional<double> plain = parse_number(node.text)) return plain;
    return computed_number(node);
}

std::string number_hint(const std::string& text) {
    const auto is_number = [](const std::string& part) { return parse_number(part).has_value(); };
    if (is_number(text)) return "";
    if (const size_t digit = text.find_first_not_of('0');
        digit > 0 && digit != std::string::npos && is_number(text.substr(digit)))
        return fmt::format("a number does not begin with 0: {}",
                           text.substr(digit - (text[digit] == '.' ? 1 : 0)));
    if (text.ends_with(',') && is_number(text.substr(0, text.size() - 1)))
        return fmt::format("a number stands alone: {}", text.substr(0, text.size() - 1));
    if (text.find('_') != std::string::npos && is_number(without(text, '_')))
        return fmt::format("digits are written without `_`: {}", without(text, '_'));
    if (text.ends_with('%') && is_number(text.substr(0, text.size() - 1)))
        return fmt::format("there is no `%`: write {}",
                           *parse_number(text.substr(0, text.size() - 1)) / 100);
    if (const size_t comma = text.find(','); comma != std::string::npos) {
        std::string point = text;
        point[comma] = '.';
        // 1,000 is a thousand for most who write it.
        const bool thousands = text[0] != '0' && text.size() == comma + 4;
        if (!thousands && is_number(point))
            return fmt::format("the decimal mark is a point: {}", point);
        if (is_number(without(text, ',')))
            return fmt::format("digits are written without `,`: {}", without(text, ','));
    }
    if (text.starts_with("\xe2\x88\x92")) return "the minus is the character `-`";
    const size_t end = text.find_first_not_of("0123456789.");
    if (end != 0 && end != std::string::npos && is_number(text.substr(0, end)))
        return fmt::format("a number stands alone: {}", text.substr(0, end));
    return "";
}

namespace {

/// Help for `64.0` or `1e3` in place of an integer.
std::string integer_hint(double value) {
    const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
    return whole ? fmt::format("an integer has no point and no exponent: {:.0f}", value)
                 : "an integer has no point and no exponent";
}

/// Help for `3x3` or `(3, 3)` in place of a list of one integer per axis.
std::string list_hint(const Node& node, const KeyRow& row) {
    const std::string sizes = sizes_in(node);
    const auto commas = std::count(sizes.begin(), sizes.end(), ',');
    const bool fits = row.axes == kAnyAxes ? commas > 0 : commas == row.axes - 1;
    return fits ? fmt::format("write `[{}]`", sizes) : "";
}

/// Reports "`units` is ..., not an integer from 1 to 1,000,000", and adds help for common mistakes.
void wrong_type(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    if (node.failed) return;
    const bool per_axis = node.is_list() && row.type == KeyType::kPerAxis;
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kWrongType, node.span, "`{}` is {}, not {}", row.key, describe(row),
        per_axis ? fmt::format("a list of {}", node.items.size()) : describe(node));
    note_origin(error, node);
    const bool numeric = row.type == KeyType::kInteger || row.type == KeyType::kNumber ||
                         row.type == KeyType::kPerAxis;
    if (node.is_map() && std::string_view(row.key) == "activation")
        error.help("one with numbers is a layer of its own: `- leaky_relu: {slope: 0.2}`");
    if (node.is_list() && node.items.size() == 1 && node.items[0]->is_scalar())
        error.help(fmt::format("write `{}`, without brackets", node.items[0]->text));
    if (per_axis && row.axes == 3 && node.items.size() == 2)
        error.help("its numbers are those of depth, height and width");
    if (per_axis && row.axes == 2 && node.items.size() == 3)
        error.help("its numbers are those of height and width; channels are no part of it");
    if (node.is_map() && std::string_view(row.key) == "model")
        error.help(
            "the other sections stand beside it: `model: NAME`, then `data:`, `networks:`, "
            "`objective:` and `train:`");
    if (node.is_list() && row.type == KeyType::kInteger && node.items.size() == 2)
        error.help("one number is enough: what comes in is known from the layer before");
    if (!node.is_scalar()) return;
    if (has_typographic_quote(node.text)) error.help(kQuoteHelp);
    if (numeric && node.quoted && parse_number(node.text)) error.help("write it without quotes");
    std::string hint = row.type == KeyType::kPerAxis ? list_hint(node, row) : "";
    if (hint.empty() && numeric) hint = number_hint(node.text);
    if (!hint.empty()) error.help(hint);
    if (row.type == KeyType::kFlag) {
        // YAML 1.1 has eleven ways to say yes, and takes Norway's country code for a no. Only true
        // and false count here, so the help says which one was meant.
        static const std::vector<std::string> kYes = {"yes",  "Yes",  "on", "On",
                                                      "True", "TRUE", "1",  "y"};
        static const std::vector<std::string> kNo = {"no",    "No",    "off", "Off",
                                                     "False", "FALSE", "0",   "n"};
        if (std::count(kYes.begin(), kYes.end(), node.text)) error.help("write `true`");
        if (std::count(kNo.begin(), kNo.end(), node.text)) error.help("write `false`");
    }
    if (row.type == KeyType::kInteger && parse_number(node.text) && !node.quoted)
        error.help(integer_hint(*parse_number(node.text)));
    if (node.text.starts_with('$') || node.text.find("{{") != std::string::npos)
        error.help("a variable is written `${name}`");
    static const std::vector<std::string> kNoNames = {"None", "none", "nan", "inf", "auto", "all"};
    if (numeric && is_name(node.text) && !std::count(kNoNames.begin(), kNoNames.end(), node.text))
        error.help(fmt::format("if it is a variable, write `${{{}}}`", node.text));
}

/// Why `value`, which has no fraction, cannot be a whole number in `range`; "" when it can.
std::string whole_misfit(double value, const Range& range) {
    if (range.holds(value)) return "";
    return std::isfinite(value)
               ? "it has to be " + describe(range)
               : "which is not a finite number, it has to be an integer " + describe(range);
}

/// True when `value` is in the row's range. Reports kTooLarge above it and kBadValue below it.
bool check_range(double value, const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    const bool whole = row.type != KeyType::kNumber;
    const std::string why = whole ? whole_misfit(value, row.range) : misfit(value, row.range);
    if (why.empty()) return true;
    // A value above a limit that bounds memory is kTooLarge; one above, say, 1 is merely kBadValue.
    const bool large = std::isfinite(value) && value > row.range.low && row.range.high >= 1000 &&
                       std::isfinite(row.range.high);
    Diagnostic& error =
        note_origin(diagnostics.error(large ? DiagnosticKind::kTooLarge : DiagnosticKind::kBadValue,
                                      node.span, "`{}` is {}, {}", row.key, node.text, why),
                    node);
    if (std::string_view(row.key) == "rate" && value >= 2 && value <= 100)
        error.help(fmt::format("a share of {} % is {}", value, value / 100));
    else if (std::string_view(row.key) == "rate" && static_cast<float>(value) == 1)
        error.help(
            "`rate` is the share that is set to 0, and then nothing is left; usual are 0.1 to 0.5");
    return false;
}

/// Reads a plain decimal integer in range. "20", 20.0 and 2e1 are refused: whoever wrote them may
/// have meant something else.
std::optional<int64_t> read_integer(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    const bool plain = node.is_scalar() && !node.quoted;
    std::optional<int64_t> value = plain ? parse_integer(node.text) : std::nullopt;
    if (const std::optional<double> computed = value ? std::nullopt : computed_number(node)) {
        if (std::isfinite(*computed) && *computed != std::floor(*computed)) {
            note_origin(diagnostics.error(DiagnosticKind::kBadValue, node.span,
                                          "`{}` is {}, that is {}, but has to be an integer",
                                          row.key, node.text, *computed),
                        node);
            return std::nullopt;
        }
        if (!check_range(*computed, node, row, diagnostics)) return std::nullopt;
        return static_cast<int64_t>(*computed);
    }
    if (value) {
        if (!check_range(static_cast<double>(*value), node, row, diagnostics)) return std::nullopt;
        return value;
    }
    // Only digits, but more of them than 64 bits hold.
    const bool digits = plain && !node.text.empty() && node.text[0] != '0' &&
                        node.text.find_first_not_of("0123456789") == std::string::npos;
    if (digits)
        diagnostics.error(DiagnosticKind::kTooLarge, node.span, "`{}` is {}, it has to be {}",
                          row.key, node.text.substr(0, 40), describe(row.range));
    else
        wrong_type(node, row, diagnostics);
    return std::nullopt;
}

/// Reads a plain decimal number in range; an exponent needs no point, as in 1e-4.
std::optional<double> read_number(const Node& node, const KeyRow& row, Diagnostics& diagnostics) {
    const std::optional<double> value = number_of(node);
    if (!value) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (!check_range(*value, node, row, diagnostics)) return std::nullopt;
    return value;
}

/// One integer for each of the row's axes, of which `kAnyAxes` counts as one.
std::vector<int64_t> for_all_axes(int64_t value, const KeyRow& row) {
    return std::vector<int64_t>(static_cast<size_t>(std::max(row.axes, 1)), value);
}

/// Reads 5 or [5, 3]. The result always has a number for each of the row's axes, so that no later
/// code has to tell the two forms apart.
std::optional<std::vector<int64_t>> read_per_axis(const Node& node, const KeyRow& row,
                                                  Diagnostics& diagnostics) {
    if (node.is_scalar()) {
        const std::optional<int64_t> all = read_integer(node, row, diagnostics);
        if (!all) return std::nullopt;
        return for_all_axes(*all, row);
    }
    const auto count = static_cast<int>(node.items.size());
    const bool fits =
        row.axes == kAnyAxes ? count >= 1 && count <= kMostSpatialAxes : count == row.axes;
    if (!node.is_list() || !fits) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    std::vector<int64_t> values;
    bool fine = true;
    for (const NodePtr& item : node.items) {
        const std::optional<int64_t> value = read_integer(*item, row, diagnostics);
        fine = fine && value.has_value();
        values.push_back(value.value_or(0));
    }
    if (!fine) return std::nullopt;
    return values;
}

/// Reads a list of axes such as [2, 0, 1].
std::optional<std::vector<int64_t>> read_axes(const Node& node, const KeyRow& row,
                                              Diagnostics& diagnostics) {
    if (!node.is_list()) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (node.items.empty() || node.items.size() > kMostDimensions) {
        note_origin(diagnostics.error(DiagnosticKind::kBadValue, node.span,
                                      "`{}` is a list of 1 to {} axes, not of {}", row.key,
                                      kMostDimensions, node.items.size()),
                    node);
        return std::nullopt;
    }
    std::vector<int64_t> axes;
    for (const NodePtr& item : node.items) {
        const std::optional<int64_t> axis = read_integer(*item, row, diagnostics);
        if (!axis) return std::nullopt;
        axes.push_back(*axis);
    }
    return axes;
}

/// Reads one of the row's words, with or without quotes.
std::optional<std::string> read_word(const Node& node, const KeyRow& row,
                                     Diagnostics& diagnostics) {
    const std::vector<std::string> words = split_words(row.words);
    if (!node.is_scalar()) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (std::count(words.begin(), words.end(), node.text)) return node.text;
    const size_t bracket = node.text.find('(');
    if (std::string_view(row.key) == "activation" && node.text.ends_with(')') &&
        bracket + 2 < node.text.size() &&
        std::count(words.begin(), words.end(), node.text.substr(0, bracket))) {
        diagnostics
            .error(DiagnosticKind::kBadValue, node.span, "`activation` cannot be `{}`", node.text)
            .help(fmt::format("one with numbers is a layer of its own behind this one: `- {}: {}`",
                              node.text.substr(0, bracket),
                              node.text.substr(bracket + 1, node.text.size() - bracket - 2)));
        return std::nullopt;
    }
    note_origin(report_unknown(DiagnosticKind::kBadValue, node.span,
                               fmt::format("`{}` cannot be `{}`", row.key, node.text), node.text,
                               words, diagnostics),
                node);
    return std::nullopt;
}

/// Reads a text or a name. Line breaks in a text become spaces, because reports print descriptions
/// on one line.
std::optional<std::string> read_text(const Node& node, const KeyRow& row,
                                     Diagnostics& diagnostics) {
    if (!node.is_scalar()) {
        wrong_type(node, row, diagnostics);
        return std::nullopt;
    }
    if (row.type == KeyType::kName &&
        !check_name(node.text, fmt::format("`{}`", row.key), node.span, diagnostics))
        return std::nullopt;
    // A path, a key or a pace that says nothing was forgotten, as by `--set run=$RUN` where the
    // shell has no RUN. A space can be a separator.
    const bool may_be_empty = (row.has_default() && std::string_view(row.fallback).empty()) ||
                              std::string_view(row.key) == "description";
    const bool is_empty = node.text.empty() || (!row.has_default() && is_blank(node.text));
    if (row.type == KeyType::kText && is_empty && !may_be_empty) {
        note_origin(
            diagnostics.error(DiagnosticKind::kBadValue, node.span, "`{}` is empty", row.key),
            node);
        return std::nullopt;
    }
    if (node.text.find('\n') != std::string::npos && row.type == KeyType::kText) {
        std::string line = node.text;
        std::replace(line.begin(), line.end(), '\n', ' ');
        return line;
    }
    return node.text;
}

/// None, null, -1 or ? in front of a shape, as other frameworks write the batch.
bool is_batch(const Node& node) {
    static const std::vector<std::string> kBatch = {"None", "none", "null", "-1",
                                                    "?",    "N",    "batch"};
    return node.is_null() ||
           (node.is_scalar() && std::count(kBatch.begin(), kBatch.end(), node.text));
}

template <typename T>
std::optional<LayerValue> as_value(std::optional<T> value) {
    if (!value) return std::nullopt;
    return LayerValue(std::move(*value));
}

}  // namespace

std::string sizes_in(const Node& node) {
    if (!node.is_scalar()) return "";
    std::string out;
    bool digits = false;
    for (const char c : node.text) {
        const bool digit = c >= '0' && c <= '9';
        if (!digit && std::string_view("(),x* ").find(c) == std::string_view::npos) return "";
        if (digit && !digits && !out.empty()) out += ", ";
        if (digit) out += c;
        digits = digit;
    }
    return out;
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
        case KeyType::kPerAxis:
            return for_all_axes(parse_integer(row.fallback).value(), row);
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
        case KeyType::kPerAxis:
            return as_value(read_per_axis(node, row, diagnostics));
        case KeyType::kAxes:
            return as_value(read_axes(node, row, diagnostics));
        case KeyType::kShape:
            return as_value(
                read_shape(node, fmt::format("`{}`", row.key), diagnostics, row.range.low < 0));
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

std::vector<PlacedName> read_names(const Node& node, const std::string& what,
                                   Diagnostics& diagnostics) {
    std::vector<PlacedName> out;
    const std::vector<NodePtr> items =
        node.is_list() ? node.items : std::vector<NodePtr>{std::make_shared<const Node>(node)};
    for (const NodePtr& item : items) {
        if (item->failed) continue;
        if (item->is_scalar() && is_blank(item->text))
            note_origin(diagnostics.error(DiagnosticKind::kBadValue, item->span,
                                          "{} has an empty name", what),
                        *item);
        else if (item->is_scalar())
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
                                               Diagnostics& diagnostics, bool has_rest) {
    if (node.failed) return std::nullopt;
    static constexpr KeyRow kSize = {"a size", KeyType::kInteger, "1", "", {1, kMostElements}};
    if (!node.is_list() || node.items.empty() || node.items.size() > kMostDimensions) {
        Diagnostic& error = diagnostics.error(
            DiagnosticKind::kWrongType, node.span,
            "{} is a list of 1 to {} sizes such as [28, 28, 1], not {}", what, kMostDimensions,
            node.is_list() ? fmt::format("{} of them", node.items.size()) : describe(node));
        note_origin(error, node);
        if (const std::string sizes = sizes_in(node); !sizes.empty())
            error.help(node.text.starts_with('(') && !node.text.ends_with(')')
                           ? "a list stands in square brackets, as in `[28, 28, 1]`"
                           : fmt::format("write `[{}]`", sizes));
        return std::nullopt;
    }
    std::vector<int64_t> shape;
    double elements = 1;
    for (const NodePtr& item : node.items) {
        if (has_rest && item->is_scalar() && item->text == "-1") {
            if (std::count(shape.begin(), shape.end(), -1) > 0) {
                diagnostics.error(DiagnosticKind::kBadValue, item->span,
                                  "{} has -1 twice; only one size can be what is left", what);
                return std::nullopt;
            }
            shape.push_back(-1);
            continue;
        }
        if (shape.empty() && node.items.size() > 1 && is_batch(*item)) {
            diagnostics
                .error(DiagnosticKind::kWrongType, item->span,
                       "{} begins with the batch, which is not written", what)
                .help("leave it out: a shape is that of one example");
            return std::nullopt;
        }
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
