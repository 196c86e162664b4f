// Checks the keys of mappings against the rows of schema.h, and has the messages that all readers
// share. The types of single values are in value_types.cpp.
#include "dsl/values.h"

#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "compiler/support/paths.h"
#include "compiler/support/wording.h"
#include "dsl/schema/foreign_words.h"
#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"
#include "dsl/text/text_file.h"

namespace gmc::dsl {
namespace {

/// Reports a key with nothing after its colon.
void report_null(const Entry& entry, const KeyRow& row, Diagnostics& diagnostics) {
    // `layers:` with its list indented too little is valid YAML. Then the list's place says
    // nothing, but the empty key gives it away.
    const bool more = row.type == KeyType::kStructure;
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kWrongType, entry.key_span, "`{}` has no value{}", entry.key,
        more ? "; are the lines below it indented one level too little?" : "");
    if (row.has_default() && entry.value->span.known())
        error.help(fmt::format("leave the key out for its default, `{}`", row.fallback));
}

/// `{rate: 0,5}` is the key `rate` and, behind the comma, the key `5`.
void decimal_comma(const Entry& before, const Entry& entry, Diagnostic& error) {
    const bool digits = entry.value->is_null() && !entry.key.empty() &&
                        entry.key.find_first_not_of("0123456789e-") == std::string::npos;
    if (!digits || !before.value->is_scalar() || !parse_integer(before.value->text)) return;
    const std::string& whole = before.value->text;
    error.help(
        whole == "0" || entry.key.size() != 3
            ? fmt::format("the decimal mark is a point: `{}: {}.{}`", before.key, whole, entry.key)
            : fmt::format("a comma begins the next key: write `{}: {}{}`, or `{}.{}`", before.key,
                          whole, entry.key, whole, entry.key));
}

std::string trimmed(const std::string& text) {
    const size_t first = text.find_first_not_of(' ');
    return first == text.npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// `a=1, b=2` as `{a: 1, b: 2}`; other lists as `{key: value, ...}`.
std::string keys_of_call(const std::string& arguments) {
    std::string out;
    for (size_t at = 0; at < arguments.size();) {
        const size_t end = std::min(arguments.find(',', at), arguments.size());
        const std::string one = arguments.substr(at, end - at);
        const size_t equal = one.find('=');
        if (equal == one.npos) return "{key: value, ...}";
        out += fmt::format("{}{}: {}", out.empty() ? "{" : ", ", trimmed(one.substr(0, equal)),
                           trimmed(one.substr(equal + 1)));
        at = end + 1;
    }
    return out + "}";
}

/// `dense:784`, `-dense`, `units=64` are words for YAML, which wants a space behind `:` and `-`.
std::string missing_space(const std::string& name) {
    const bool number = parse_number(name).has_value();
    if (name.size() > 1 && name[0] == '-' && name[1] != '-' && name[1] != ' ' && !number)
        return fmt::format("a space is missing behind the dash: `- {}`", name.substr(1));
    if (const size_t wide = name.find("\uff1a"); wide != std::string::npos && wide > 0)
        return fmt::format("the colon is the character `:`, with a space behind it: `{}: ...`",
                           name.substr(0, wide));
    if (const size_t equal = name.find('='); equal != std::string::npos && equal > 0)
        return fmt::format("a key stands before `:`, not before `=`: `{}: {}`",
                           trimmed(name.substr(0, equal)), trimmed(name.substr(equal + 1)));
    const size_t colon = name.find(':');
    if (colon == std::string::npos || colon == 0 || !is_name(name.substr(0, colon))) return "";
    const std::string value = name.substr(colon + 1);
    if (const std::string odd = odd_space(value); !odd.empty())
        return fmt::format("a space is missing behind the `:`, where {} stands", odd);
    return value.empty() ? fmt::format("a `:` too many behind `{}`", name.substr(0, colon))
                         : fmt::format("a space is missing behind the `:`, as in `{}: {}`",
                                       name.substr(0, colon), value);
}

/// `nn.Linear(784, 64)` and `ReLU()`, as programs have them: the word that is meant, and how it is
/// written here.
std::optional<Translation> call_meaning(const std::string& name,
                                        const std::vector<std::string>& known) {
    const size_t bracket = name.find('(');
    if (!name.ends_with(')') || bracket == 0 || bracket == std::string::npos) return std::nullopt;
    const std::string callee = name.substr(0, bracket);
    const std::string value = name.substr(bracket + 1, name.size() - bracket - 2);
    const std::optional<Translation> ours = translate(callee, known);
    if (ours && !ours->remark.empty()) return ours;
    const std::string word = ours ? ours->word : callee;
    const bool several = value.find_first_of(",=") != std::string::npos;
    return Translation{ours ? word : "",
                       value.empty() ? fmt::format("write `{}`", word)
                       : several     ? fmt::format("write `{}: {}`", word, keys_of_call(value))
                                     : fmt::format("write `{}: {}`", word, value)};
}

/// What an unknown name may stand for.
Translation meaning_of(const std::string& name, const std::vector<std::string>& known) {
    if (const std::optional<Translation> call = call_meaning(name, known)) return *call;
    if (has_typographic_quote(name)) return {"", kQuoteHelp};
    if (!missing_space(name).empty())
        return {trimmed(name.substr(0, name.find_first_of(":="))), missing_space(name)};
    if (const size_t gap = name.find(' '); gap != name.npos && is_name(name.substr(0, gap)))
        if (std::count(known.begin(), known.end(), name.substr(0, gap)))
            return {"", fmt::format("a `:` is missing, as in `{}: {}`", name.substr(0, gap),
                                    name.substr(gap + 1))};
    if (std::optional<Translation> translation = translate(name, known)) return *translation;
    // The search compares all letters of two words with each other, which would take long for many
    // names.
    constexpr size_t kMostSearched = 500;
    const size_t searched = std::min(known.size(), kMostSearched);
    return {nearest_name(name, std::span(known.data(), searched)), ""};
}

}  // namespace

Diagnostic& note_origin(Diagnostic& error, const Node& node) {
    if (node.defined.known()) error.note_value(node.defined);
    return error;
}

Diagnostic& report_unknown(DiagnosticKind kind, Span where, const std::string& text,
                           const std::string& name, const std::vector<std::string>& known,
                           Diagnostics& diagnostics) {
    constexpr size_t kMostErrors = 200;  // nobody reads suggestions after this many
    const Translation meant =
        diagnostics.count() < kMostErrors ? meaning_of(name, known) : Translation{};
    const bool other = !meant.word.empty() && missing_space(name).empty();
    Diagnostic& error = diagnostics.error(
        kind, where, "{}{}", text, other ? fmt::format("; did you mean `{}`?", meant.word) : "");
    if (!meant.remark.empty()) return error.help(meant.remark);
    /// A list of names that is longer than this hides the error above it.
    constexpr size_t kMostListed = 30;
    if (!known.empty() && known.size() <= kMostListed)
        error.help(known.size() == 1 ? fmt::format("allowed is {}", quoted_list(known))
                                     : fmt::format("allowed are {}", quoted_list(known)));
    return error;
}

bool check_name(const std::string& text, const std::string& what, Span where,
                Diagnostics& diagnostics) {
    if (is_name(text) && text.size() <= kLongestName) return true;
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kBadValue, where,
        "{} cannot be called `{}`: a name is a letter or _, then letters, digits and _, at most {}",
        what, text.substr(0, 40), kLongestName);
    if (has_typographic_quote(text)) return error.help(kQuoteHelp), false;
    if (text.find(',') != text.npos)
        return error.help(
                   "one name stands for all of it; a network's results are its parts, as in "
                   "`q: encoder(x)`, then `q.mean`"),
               false;
    if (text.find('(') != text.npos)
        return error.help(
                   "a function of your own stands under `define:`, as in `define: {f(x): x / 2}`"),
               false;
    std::string near = text.substr(0, kLongestName);
    std::replace_if(
        near.begin(), near.end(), [](char c) { return !is_name_part(c); }, '_');
    if (!near.empty() && !is_name_start(near[0])) near.insert(0, "_");
    if (near.find_first_not_of('_') != near.npos) error.help(fmt::format("`{}` is one", near));
    return false;
}

bool expect_map(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics,
                const std::string& help) {
    if (node.is_map()) return true;
    if (node.failed) return false;
    if (node.is_null()) {
        diagnostics.error(DiagnosticKind::kWrongType, where,
                          "{} has no value; are the lines below it indented one level too little?",
                          what);
        return false;
    }
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kWrongType, node.span.known() ? node.span : where,
                          "{} is a map of keys and values, not {}", what, describe(node));
    if (!help.empty()) error.help(help);
    return false;
}

bool expect_list(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics,
                 const std::string& help) {
    if (node.is_list()) return true;
    if (node.failed) return false;
    Diagnostic& error = diagnostics.error(DiagnosticKind::kWrongType,
                                          node.is_null() || !node.span.known() ? where : node.span,
                                          "{} is a list, not {}", what, describe(node));
    if (!help.empty()) error.help(help);
    return false;
}

namespace {

/// Help for a value where a map of these keys is wanted: "write `{learning_rate: 1e-3}`; ...".
std::string map_example(const Node& node, std::span<const KeyRow> rows) {
    constexpr size_t kMostListed = 30, kFewKeys = 12;  // of many, the first may not be meant
    if (rows.empty() || rows.size() > kMostListed) return "";
    const KeyType first = rows.front().type;
    const bool fits = rows.size() <= kFewKeys && node.is_scalar() && !node.is_null() &&
                      (first == KeyType::kText || parse_number(node.text)) &&
                      first != KeyType::kName;
    return fmt::format("{}its key{} {}",
                       fits ? fmt::format("write `{{{}: {}}}`; ", rows.front().key, node.text) : "",
                       by_count(rows.size(), " is", "s are"), quoted_list(key_names(rows)));
}

}  // namespace

bool check_keys(const Node& map, std::span<const KeyRow> rows, const std::string& what, Span where,
                Diagnostics& diagnostics) {
    if (!expect_map(map, what, where, diagnostics, map_example(map, rows))) return false;
    bool ok = true;
    // Keys that a misspelt one probably stands for; they are not reported as missing.
    std::set<std::string> meant;
    const std::vector<std::string> known = key_names(rows);
    for (const Entry& entry : map.entries) {
        const KeyRow* row = find_key(rows, entry.key);
        if (row && !entry.value->is_null()) continue;
        ok = false;
        if (row) {
            report_null(entry, *row, diagnostics);
            continue;
        }
        Diagnostic& error = report_unknown(DiagnosticKind::kUnknownKey, entry.key_span,
                                           fmt::format("{} has no key `{}`", what, entry.key),
                                           entry.key, known, diagnostics);
        if (&entry != &map.entries.front()) decimal_comma(*(&entry - 1), entry, error);
        meant.insert(meaning_of(entry.key, known).word);
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

}  // namespace gmc::dsl
