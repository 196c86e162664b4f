// Splits expressions into tokens. Written by hand, since there are few tokens and each mistake gets
// a message of its own.
#include "dsl/text/lexer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "dsl/text/scalar.h"
#include "dsl/text/text_file.h"

namespace gmc::dsl {
namespace {

/// Bounds the depth of a chain such as `a + a + ...` as well.
constexpr size_t kMostExpressionBytes = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The end of the longest text from `at` on that may have been meant as a number: `1e-4`, `1_000`,
/// `3x`.
size_t number_end(std::string_view text, size_t at) {
    size_t end = at;
    while (end < text.size()) {
        const char c = text[end];
        const bool exponent_sign =
            (c == '-' || c == '+') && end > at && (text[end - 1] == 'e' || text[end - 1] == 'E');
        if (!is_name_part(c) && c != '.' && !exponent_sign) break;
        ++end;
    }
    return end;
}

/// An operator stands before those that it starts with.
constexpr std::string_view kOperators[] = {"<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "^",
                                           "<",  ">",  "(",  ")",  "[", "]", ",", ".", "="};

/// The operator that starts at byte `at`, if any.
std::optional<std::string_view> operator_at(std::string_view text, size_t at) {
    for (const std::string_view op : kOperators)
        if (text.substr(at, op.size()) == op) return op;
    return std::nullopt;
}

/// Reports a character that expressions do not have, and adds what they have instead.
void report_character(const PlacedText& text, size_t at, Diagnostics& diagnostics) {
    const char c = text.text()[at];
    size_t end = at + 1;
    while (end < text.text().size() &&
           (static_cast<unsigned char>(text.text()[end]) & 0xc0) == 0x80)
        ++end;
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadExpression, text.span(at, end),
                          "`{}` cannot occur in an expression", text.text().substr(at, end - at));
    if (c == '$')
        error.help(
            "`${name}` is replaced in model files; in a recipe a parameter's name stands for its "
            "value");
    if (has_typographic_quote(text.text().substr(at, end - at))) error.help(kQuoteHelp);
    for (const char* dash : {"\u2212", "\u2013", "\u2014", "\u2010", "\u2011"})
        if (text.text().substr(at, end - at) == dash) error.help("the minus is the character `-`");
    if (c == '!' || c == '&' || c == '|') error.help("the words are `and`, `or` and `not`");
    if (c == '|') error.help("the absolute value is `abs(x)`");
    const std::string_view before = std::string_view(text.text()).substr(0, at);
    if (c == ':' && before.find("lambda") != before.npos)
        error.help("a function of your own is an entry of `define:`, as in `twice(x): 2 * x`");
    else if (c == ':' && before.rfind('[') != before.npos)
        error.help("`slice(x, axis=0, start=0, stop=1)` is a part of a tensor");
    if (c == ';') error.help("each value is an entry of `let` of its own");
    if (c == '@') error.help("the product of matrices is `matmul(a, b)`");
    if (c == '"' || c == '\'')
        error.help(at > 0 && text.text()[at - 1] == '['
                       ? "parts of a network's result have names, as in `q.mean`"
                       : "words stand without quotes, as in `axis=batch`");
    if (text.text().substr(at, end - at) == "\u00d7") error.help("the product is written `*`");
    if (text.text().substr(at, end - at) == "\u00f7") error.help("a quotient is written `/`");
}

}  // namespace

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }
bool is_name(std::string_view text) {
    return !text.empty() && is_name_start(text[0]) &&
           std::all_of(text.begin(), text.end(), is_name_part);
}

PlacedText::PlacedText(const Node& scalar, const SourceFiles& sources)
    : text_(scalar.text),
      places_(text_places(scalar, sources)),
      whole_(scalar.span),
      sources_(sources) {}

PlacedText::PlacedText(std::string_view text, Span where, const SourceFiles& sources)
    : text_(text), whole_(where), sources_(sources) {
    const size_t begin = offset_of(where, sources);
    const bool one_to_one = where.length == text.size();
    for (size_t i = 0; i < text.size(); ++i)
        places_.push_back(one_to_one ? TextPlace{begin + i, 1} : TextPlace{begin, where.length});
}

Span PlacedText::span(size_t begin, size_t end) const {
    if (!whole_.known() || places_.empty()) return whole_;
    return span_of_text(places_, begin, end, whole_.file, sources_);
}

bool PlacedText::ended_by_comma() const {
    if (!whole_.known() || places_.empty()) return false;
    const std::string& source = sources_.file(whole_.file).text();
    const size_t after =
        source.find_first_not_of(" \n\r", places_.back().offset + places_.back().length);
    return after != std::string::npos && source[after] == ',';
}

/// Goes through the text once. The first byte decides the kind: a digit, or a point before a digit,
/// begins a number; a letter a name; anything else has to be an operator. A number takes all
/// letters that touch it, so that `3x` is one wrong number with one message, and not a number and a
/// name without an operator between them.
Result<std::vector<Token>> tokenize(const PlacedText& placed, Diagnostics& diagnostics) {
    const std::string_view text = placed.text();
    if (text.size() > kMostExpressionBytes) {
        diagnostics.error(
            DiagnosticKind::kTooLarge, placed.whole(),
            "an expression has {} characters; at most {} are read, name parts of it under `let`",
            text.size(), kMostExpressionBytes);
        return Failure{};
    }
    std::vector<Token> tokens;
    for (size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            ++at;
            continue;
        }
        Token token;
        token.begin = at;
        if (is_digit(c) || (c == '.' && at + 1 < text.size() && is_digit(text[at + 1]))) {
            token.kind = Token::Kind::kNumber;
            token.end = number_end(text, at);
            const std::optional<double> value = parse_number(text.substr(at, token.end - at));
            if (!value) {
                diagnostics
                    .error(DiagnosticKind::kBadExpression, placed.span(at, token.end),
                           "`{}` is not a number", text.substr(at, token.end - at))
                    .help(c == '0' && is_digit(text[std::min(at + 1, text.size() - 1)])
                              ? "a number does not begin with 0"
                              : "numbers are written 12, 0.5 or 1e-3, without spaces");
                return Failure{};
            }
            token.number = *value;
        } else if (is_name_start(c)) {
            token.kind = Token::Kind::kName;
            token.end = at;
            while (token.end < text.size() && is_name_part(text[token.end])) ++token.end;
        } else if (const auto op = operator_at(text, at)) {
            token.kind = Token::Kind::kOperator;
            token.end = at + op->size();
        } else {
            report_character(placed, at, diagnostics);
            return Failure{};
        }
        token.text = text.substr(token.begin, token.end - token.begin);
        at = token.end;
        tokens.push_back(token);
    }
    tokens.push_back({Token::Kind::kEnd, "", 0, text.size(), text.size()});
    return tokens;
}

}  // namespace gmc::dsl
