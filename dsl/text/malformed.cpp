// A parser notices a missing quote or bracket only lines later. So this file looks at the text once
// more, in a simpler way, to find the likely place.
#include "dsl/text/malformed.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace gmc::dsl {
namespace {

/// What yaml-cpp says, and what we say instead. yaml-cpp names states of its parser; our words name
/// what the author wrote.
struct Wording {
    const char* theirs;
    const char* ours;
    const char* help;
};
constexpr Wording kWordings[] = {
    {"end of map not found", "this line does not fit the map above it",
     "keys of one map start in the same column"},
    {"end of sequence not found", "this line does not fit the list above it",
     "the `-` of one list stand in the same column"},
    {"end of map flow not found", "a `{` is not closed, or a `,` is missing", ""},
    {"end of sequence flow not found", "a `[` is not closed, or a `,` is missing", ""},
    {"illegal map value", "a `:` where no key can stand", "text with `: ` in it needs quotes"},
    {"illegal block entry", "a `-` where no list can start", ""},
    {"illegal flow end", "a bracket is closed that was not opened", ""},
    {"illegal EOF in scalar", "a quote is not closed", ""},
    {"illegal document indicator in scalar", "a document ends inside of quotes", ""},
    {"the referenced anchor is not defined", "the alias has no anchor",
     "anchors are written `&name` before `*name`"},
    {"unknown token", "a character that cannot start a value",
     "text that starts with a special character needs quotes"},
};

/// Likely reasons found in the text before an error.
struct Suspects {
    /// The innermost bracket that is not closed.
    std::optional<size_t> open_bracket;
    /// The last quote that runs over several lines, or is never closed.
    std::optional<size_t> long_quote;
};

/// Looks for unclosed brackets and quotes. Skips quotes and comments almost as YAML does, which is
/// enough for a hint.
Suspects find_suspects(const std::string& text, size_t until) {
    Suspects out;
    std::vector<size_t> brackets;
    char before = '\n';
    for (size_t i = 0; i < until; ++i) {
        const char c = text[i];
        const bool starts_token = before == '\n' || before == ' ' || before == '[' ||
                                  before == '{' || before == ',' || before == ':';
        if (c == '#' && (before == ' ' || before == '\n')) {
            i = std::min(text.find('\n', i), text.size()) - 1;
            continue;
        }
        if ((c == '"' || c == '\'') && starts_token) {
            const size_t end = quoted_end(text, i);
            if (text.find('\n', i) < end) out.long_quote = i;
            i = end - 1;
            before = c;
            continue;
        }
        if (c == '[' || c == '{') brackets.push_back(i);
        if ((c == ']' || c == '}') && !brackets.empty()) brackets.pop_back();
        before = c;
    }
    if (!brackets.empty()) out.open_bracket = brackets.back();
    return out;
}

}  // namespace

size_t quoted_end(const std::string& text, size_t begin) {
    const char quote = text[begin];
    for (size_t i = begin + 1; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\')
            ++i;
        else if (text[i] != quote)
            continue;
        else if (quote == '\'' && i + 1 < text.size() && text[i + 1] == quote)
            ++i;
        else
            return i + 1;
    }
    return text.size() + 1;
}

void report_malformed(const std::string& message, size_t at, const std::string& text, uint32_t file,
                      Diagnostics& diagnostics) {
    at = std::min(at, text.size());
    const SourceFile& source = diagnostics.sources().file(file);
    const auto wording =
        std::find_if(std::begin(kWordings), std::end(kWordings),
                     [&](const Wording& w) { return message.rfind(w.theirs, 0) == 0; });
    const bool known = wording != std::end(kWordings);
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadYaml, source.span_at(file, at, 1), "{}",
                          known ? wording->ours : "malformed YAML: " + message);
    if (known && *wording->help) error.help(wording->help);
    const Suspects suspects = find_suspects(text, at);
    if (suspects.long_quote)
        error.note(source.span_at(file, *suspects.long_quote, 1),
                   "a quote that opens here does not close on its line");
    else if (suspects.open_bracket)
        error.note(source.span_at(file, *suspects.open_bracket, 1), "this bracket is open");
}

}  // namespace gmc::dsl
