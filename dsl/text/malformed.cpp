// A parser notices a missing quote or bracket only lines later. So this file looks at the text once
// more, in a simpler way, to find the likely place.
#include "dsl/text/malformed.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "dsl/text/lexer.h"
#include "dsl/text/text_file.h"

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
    {"anchor not found after &", "an anchor has no name",
     "anchors are written `&name`; text that starts with `&` needs quotes"},
    {"alias not found after *", "an alias has no name",
     "aliases are written `*name`; text that starts with `*` needs quotes"},
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

/// Something in a line that YAML reads otherwise than its author.
struct Slip {
    size_t offset;  ///< in the text
    std::string what, help;
};

/// Characters that look like YAML's own.
std::optional<Slip> look_alike(const std::string& text, size_t begin, size_t end) {
    struct Alike {
        std::string_view bytes, what, help;
    };
    static constexpr Alike kAlike[] = {{"\xef\xbc\x9a", "a full-width colon", "write `:`"},
                                       {"\xe2\x80\x90", "a dash that is no `-`", "write `-`"},
                                       {"\xe2\x80\x91", "a dash that is no `-`", "write `-`"},
                                       {"\xe2\x80\x93", "a dash that is no `-`", "write `-`"},
                                       {"\xe2\x80\x94", "a dash that is no `-`", "write `-`"}};
    for (size_t i = begin; i < end; ++i) {
        const std::string_view rest(text.data() + i, end - i);
        if (const std::string odd = odd_space(rest); !odd.empty())
            return Slip{i, odd + " stands here", "write a plain space"};
        const bool letter = static_cast<unsigned char>(rest[0]) >= 0xc0;  // of several bytes
        if (letter && has_typographic_quote(rest.substr(0, 3)))
            return Slip{i, "a typographic quote stands here", kQuoteHelp};
        for (const Alike& alike : kAlike)
            if (rest.starts_with(alike.bytes))
                return Slip{i, fmt::format("{} stands here", alike.what), std::string(alike.help)};
    }
    return std::nullopt;
}

/// Words of YAML that lack a space or quotes.
std::optional<Slip> missing_mark(const std::string& text, size_t begin, size_t end) {
    const std::string_view line(text.data() + begin, end - begin);
    const auto at = [&](size_t i) { return i < line.size() ? line[i] : '\n'; };
    size_t first = std::min(line.find_first_not_of(' '), line.size());
    if (at(first) == '-' && is_name_start(at(first + 1)))
        return Slip{begin + first, "a space is missing behind this dash",
                    fmt::format("write `- {}`", line.substr(first + 1))};
    if (at(first) == '/' && at(first + 1) == '/')
        return Slip{begin + first, "this is no comment", "a comment begins with `#`"};
    while (at(first) == '-' && at(first + 1) == ' ') first += 2;
    size_t name = first;
    while (is_name_part(at(name))) ++name;
    if (name > first && at(name) == ':' && (is_name_part(at(name + 1)) || at(name + 1) == '"'))
        return Slip{
            begin + name, "a space is missing behind this colon",
            fmt::format("write `{}: {}`", line.substr(first, name - first), line.substr(name + 1))};
    const size_t equal = line.find_first_not_of(' ', name);
    if (name > first && equal != line.npos && line[equal] == '=')
        return Slip{begin + equal, "a key stands before `:`, not before `=`",
                    fmt::format("write `{}: ...`", line.substr(first, name - first))};
    for (size_t open = line.find("${"); open != line.npos; open = line.find("${", open + 2)) {
        const size_t bracket = line.find_first_of("}{[],:\"'", open + 2);
        if (bracket == line.npos || line[bracket] != '}')
            return Slip{begin + open, "`${` is not closed", "a variable is written `${name}`"};
    }
    for (const std::string_view special : {": %", ": @", ": `", "- %", "- @"})
        if (const size_t found = line.find(special); found != line.npos)
            return Slip{begin + found + 2,
                        fmt::format("text cannot begin with `{}`", special.back()),
                        "put it in quotes"};
    if (const size_t lambda = line.find(": lambda "); lambda != line.npos)
        return Slip{begin + lambda + 2, "there is no `lambda`",
                    "a function is written `sample(z): decoder(z)`"};
    const size_t comment = line.find(" #");
    const std::string_view before = line.substr(0, comment);
    const auto count = [&](char c) { return std::count(before.begin(), before.end(), c); };
    if (comment != line.npos && (count('{') > count('}') || count('[') > count(']')))
        return Slip{begin + comment + 1, "what follows this `#` is a comment",
                    "text with ` #` in it needs quotes"};
    return std::nullopt;
}

/// Two keys of a line between which a comma, or braces, are missing: `{a: 1 b: 2}`, `a: b: 2`.
std::optional<Slip> two_keys(const std::string& text, size_t begin, size_t end) {
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.find_first_of("\"'#") != line.npos) return std::nullopt;
    size_t first = line.find_first_not_of(" -"), colon = line.find(": ");
    if (first == line.npos || colon == line.npos) return std::nullopt;
    for (size_t next = line.find(": ", colon + 1); next != line.npos;
         colon = next, next = line.find(": ", next + 1)) {
        const std::string_view between = line.substr(colon + 2, next - colon - 2);
        if (between.find_first_of(",{[") != between.npos) continue;
        const size_t key = between.rfind(' ');
        if (key != between.npos && between[0] != ' ' && line.find('{') < colon)
            return Slip{begin + colon + 2 + key + 1, "a `,` is missing in front of this key",
                        fmt::format("write `{}, {}`", between.substr(0, key),
                                    line.substr(colon + 2 + key + 1, between.size() - key))};
        if (line.find('{') > colon && between.find(' ') == between.npos)
            return Slip{
                begin + colon + 2, "a second key in the same line",
                fmt::format("a key below another in one line stands in braces: `{}: {{{}}}`",
                            line.substr(first, colon - first),
                            line.substr(colon + 2, line.find_last_not_of(" \r") - colon - 1))};
    }
    return std::nullopt;
}

/// Where the line of byte `i` begins.
size_t line_start(const std::string& text, size_t i) {
    const size_t before = i == 0 ? text.npos : text.rfind('\n', i - 1);
    return before == text.npos ? 0 : before + 1;
}

/// The line that begins at `begin`, without its end.
std::string_view line_at(const std::string& text, size_t begin) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    return std::string_view(text).substr(begin, end - begin);
}

bool is_element(std::string_view line, size_t first) {
    return line[first] == '-' && (first + 1 == line.size() || line[first + 1] == ' ');
}

/// A line without a dash in the column of the dashes above it.
std::optional<Slip> missing_dash(const std::string& text, size_t at) {
    const size_t begin = line_start(text, at);
    const std::string_view line = line_at(text, begin);
    const size_t column = line.find_first_not_of(' ');
    if (column == line.npos || !is_name_start(line[column])) return std::nullopt;
    for (size_t above = begin; above != 0;) {
        above = line_start(text, above - 1);
        const std::string_view other = line_at(text, above);
        const size_t first = other.find_first_not_of(' ');
        if (first == other.npos || first > column || other[first] == '#') continue;
        if (first < column || !is_element(other, first)) return std::nullopt;
        return Slip{begin + column, "the list above goes on in this column, but a `- ` is missing",
                    fmt::format("write `- {}`, or begin the line further left",
                                line.substr(column, line.find_last_not_of(" \r") + 1 - column))};
    }
    return std::nullopt;
}

/// Lines that YAML reads as the end of the text in the line before: a list's element, or a key,
/// further right than that line, which therefore lacks something.
std::optional<Slip> joined_lines(const std::string& text, size_t at) {
    const size_t begin = line_start(text, at);
    if (begin == 0) return std::nullopt;
    const size_t before = line_start(text, begin - 1);
    const std::string_view upper(text.data() + before, begin - 1 - before);
    const std::string_view lower(text.data() + begin, at - begin);
    const size_t first = upper.find_first_not_of(' '), second = lower.find_first_not_of(' ');
    if (first == upper.npos || second == lower.npos || upper.find(':') != upper.npos ||
        upper[first] == '#')
        return std::nullopt;
    if (upper[first] == '-' && lower[second] == '-' && second > first)
        return Slip{begin + second, "this `-` stands further right than the one above it",
                    "the `-` of one list stand in the same column"};
    if (upper[first] != '-' && lower[second] == '-')
        return Slip{before + first, "a `- ` is missing in front of this element",
                    fmt::format("write `- {}`", upper.substr(first))};
    if (upper[first] != '-')
        return Slip{
            before + first, "a `:` is missing in this line",
            fmt::format("write `{}: ...`", upper.substr(first, upper.find(' ', first) - first))};
    return std::nullopt;
}

/// The slip in the line of byte `at`, or in one of the two lines before it, whose end a parser
/// often sees first.
std::optional<Slip> find_slip(const std::string& text, size_t at) {
    constexpr int kLines = 3;
    size_t end = std::min(text.find('\n', at), text.size());
    for (int i = 0; i < kLines; ++i) {
        const size_t before = end == 0 ? text.npos : text.rfind('\n', end - 1);
        const size_t begin = before == text.npos ? 0 : before + 1;
        if (auto slip = look_alike(text, begin, end)) return slip;
        if (auto slip = missing_mark(text, begin, end)) return slip;
        if (begin == 0) break;
        end = begin - 1;
    }
    return std::nullopt;
}

}  // namespace

/// In "..." a backslash protects the next byte; in '...' a quote is doubled to stand for itself.
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

/// What YAML's parser says is seldom what went wrong, as it notices late and in its own terms. So:
/// 1. its message is replaced by one in the words of models, where it is known;
/// 2. the line and the two before it are searched for a typical slip; if there is one, it is the
///    note and the help;
/// 3. otherwise an open bracket or a quote that is open at the end of its line is shown.
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
    const std::string_view here = line_at(text, line_start(text, at));
    const size_t column = here.find_first_not_of(' ');
    const bool element = column != here.npos && is_element(here, column);
    if (element && message.starts_with("end of map not found"))
        error.help("the `-` of one list stand in the same column");
    std::optional<Slip> slip = find_slip(text, at);
    if (!slip && message.starts_with("illegal map value")) slip = joined_lines(text, at);
    if (!slip && message.starts_with("end of map not found")) slip = missing_dash(text, at);
    const size_t line = line_start(text, at);
    if (!slip && message.find("map") != message.npos)
        slip = two_keys(text, line, std::min(text.find('\n', at), text.size()));
    if (slip) {
        error.note(source.span_at(file, slip->offset, 1), slip->what).help(slip->help);
        return;
    }
    if (known && *wording->help && error.helps.empty()) error.help(wording->help);
    const Suspects suspects = find_suspects(text, at);
    if (suspects.long_quote)
        error.note(source.span_at(file, *suspects.long_quote, 1),
                   "a quote that opens here does not close on its line");
    else if (suspects.open_bracket)
        error.note(source.span_at(file, *suspects.open_bracket, 1), "this bracket is open");
}

}  // namespace gmc::dsl
