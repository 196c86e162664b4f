// Checks the keys of mappings against the rows of schema.h, and has the messages that all readers
// share. The types of single values are in value_types.cpp.
#include "dsl/values.h"

#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "dsl/text/lexer.h"

namespace gmc::dsl {
namespace {

/// Reports a key with nothing after its colon.
void report_null(const Entry& entry, const KeyRow& row, Diagnostics& diagnostics) {
    // `layers:` with its list indented too little is valid YAML. Then the list's place says
    // nothing, but the empty key gives it away.
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
    // Searching is quadratic, and nobody reads suggestions after this many errors or names.
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
