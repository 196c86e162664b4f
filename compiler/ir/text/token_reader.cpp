// Reads numbers, words, types, lists and attributes from tokens. Each function consumes what it
// names, or stops the parse with an error at the token that is not what it should be.
#include "compiler/ir/text/token_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gmc::ir {

const Token& TokenReader::peek() {
    while (lexer_.peek().kind == Token::Kind::kComment) lexer_.next();
    return lexer_.peek();
}

Token TokenReader::next() {
    peek();
    return lexer_.next();
}

bool TokenReader::accept(char c) {
    if (!at(c)) return false;
    next();
    return true;
}

void TokenReader::stop(const Token& token, std::string text, std::string help) {
    const SourceFile& source = diagnostics_.sources().file(file_);
    Diagnostic& d = diagnostics_.error(
        DiagnosticKind::kBadIr,
        source.span_at(file_, token.offset, std::max<size_t>(token.length, 1)), "{}", text);
    if (!help.empty()) d.help(std::move(help));
    throw ParseStop{};
}

std::string TokenReader::seen(const Token& token) {
    return token.kind == Token::Kind::kEnd ? "the end of the text"
                                           : fmt::format("`{}`", token.text);
}

void TokenReader::expect(char c) {
    if (!accept(c)) stop(peek(), fmt::format("expected `{}`, got {}", c, seen(peek())));
}

void TokenReader::expect_word(std::string_view word) {
    if (!at_word(word)) stop(peek(), fmt::format("expected `{}`, got {}", word, seen(peek())));
    next();
}

std::string TokenReader::word(std::string_view what) {
    if (peek().kind != Token::Kind::kWord)
        stop(peek(), fmt::format("expected {}, got {}", what, seen(peek())));
    return next().text;
}

std::string TokenReader::string() {
    if (peek().kind != Token::Kind::kString)
        stop(peek(), fmt::format("expected a string in quotes, got {}", seen(peek())));
    return next().text;
}

double TokenReader::number() {
    const Token t = next();
    double value = 0;
    const char* begin = t.text.c_str();
    const char* end = begin + t.text.size();
    if (t.kind == Token::Kind::kWord && (t.text == "inf" || t.text == "nan"))
        return t.text == "inf" ? INFINITY : NAN;
    const auto [stopped, code] = std::from_chars(begin, end, value);
    if (t.kind != Token::Kind::kNumber || code != std::errc() || stopped != end)
        stop(t, fmt::format("expected a number, got {}", seen(t)));
    return value;
}

int64_t TokenReader::integer() {
    const Token t = next();
    int64_t value = 0;
    const char* end = t.text.data() + t.text.size();
    const auto [stopped, code] = std::from_chars(t.text.data(), end, value);
    if (t.kind != Token::Kind::kNumber || code != std::errc() || stopped != end)
        stop(t, fmt::format("expected an integer, got {}", seen(t)));
    return value;
}

std::vector<int64_t> TokenReader::integers() {
    expect('[');
    std::vector<int64_t> out;
    while (!at(']')) {
        out.push_back(integer());
        if (!accept(',')) break;
    }
    expect(']');
    return out;
}

DType TokenReader::dtype() {
    const Token t = peek();
    const std::string name = word("a type such as f32[128,10]");
    for (const DType known : {DType::kF32, DType::kBf16})
        if (name == dtype_name(known)) return known;
    stop(t, fmt::format("`{}` is no element type", name), "element types are f32 and bf16");
}

Type TokenReader::type() {
    const Token t = peek();
    Type result;
    result.dtype = dtype();
    result.shape = integers();
    int64_t elements = 1;
    for (int64_t size : result.shape) {
        if (size < 1 || size > kMostElements / elements)
            stop(t,
                 fmt::format("{} is no shape: sizes are positive and their product is at most 2^40",
                             to_string(result.shape)));
        elements *= size;
    }
    return result;
}

/// Looks each name up among the members and lets the member's type decide how its value is read.
void TokenReader::attributes(const std::vector<Member>& members, std::string_view owner) {
    if (at_comment() || !accept('{')) return;
    while (!at('}')) {
        const Token name = peek();
        word("an attribute's name");
        expect('=');
        const auto member =
            std::find_if(members.begin(), members.end(),
                         [&](const Member& candidate) { return candidate.name == name.text; });
        if (member == members.end())
            stop(name, fmt::format("`{}` has no attribute `{}`", owner, name.text));
        std::visit([&](auto* value) { read(*value); }, member->value);
        if (!accept(',')) break;
    }
    expect('}');
}

void TokenReader::read(bool& out) {
    const Token t = next();
    if (t.text != "true" && t.text != "false")
        stop(t, fmt::format("expected true or false, got {}", seen(t)));
    out = t.text == "true";
}

void TokenReader::read(Interval& out) {
    expect('[');
    out.low = number();
    expect(',');
    out.high = number();
    expect(']');
}

void TokenReader::read(std::vector<std::string>& out) {
    expect('[');
    out.clear();
    while (!at(']')) {
        out.push_back(string());
        if (!accept(',')) break;
    }
    expect(']');
}

}  // namespace gmc::ir
