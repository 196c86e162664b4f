// What every part of the parser of IR text reads with: tokens, numbers, types and attributes, each
// with an error that points at the token where something else was expected.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/attributes.h"
#include "compiler/ir/text/lexer.h"
#include "compiler/ir/type.h"
#include "compiler/support/diagnostic.h"

namespace gmc::ir {

/// Thrown by TokenReader::stop after the error was reported: unwinds to parse_module.
struct ParseStop {};

/// A cursor over the tokens of one source. peek() and next() skip comments; at_comment() and
/// comment() see them.
class TokenReader {
  public:
    TokenReader(uint32_t file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics), lexer_(diagnostics.sources().file(file).text()) {}

    /// The next token that is no comment.
    const Token& peek();
    Token next();
    /// Whether a comment comes next. Asked before peek() where a location may follow, since peek()
    /// drops it.
    bool at_comment() { return lexer_.peek().kind == Token::Kind::kComment; }
    Token comment() { return lexer_.next(); }
    bool at_end() { return peek().kind == Token::Kind::kEnd; }
    bool at(char c) { return peek().kind == Token::Kind::kPunctuation && peek().text[0] == c; }
    bool at_word(std::string_view word) {
        return peek().kind == Token::Kind::kWord && peek().text == word;
    }
    bool accept(char c);

    /// Reports an error (kBadIr) at `token` and ends the parse.
    [[noreturn]] void stop(const Token& token, std::string text, std::string help = "");
    /// The token as messages name it.
    static std::string seen(const Token& token);

    void expect(char c);
    void expect_word(std::string_view word);
    /// `what` is for the message: "a key".
    std::string word(std::string_view what);
    std::string string();
    double number();
    int64_t integer();
    std::vector<int64_t> integers();
    DType dtype();
    /// `f32[128,10]`
    Type type();

    /// `{name=value, ...}` into the members of what messages call `owner`; nothing when the next
    /// token is no brace.
    void attributes(const std::vector<Member>& members, std::string_view owner);
    template <typename Object>
    void attributes(Object& object, std::string_view owner) {
        attributes(members_of(object), owner);
    }

  protected:
    uint32_t file_;
    Diagnostics& diagnostics_;

  private:
    void read(bool& out);
    void read(int64_t& out) { out = integer(); }
    void read(double& out) { out = number(); }
    void read(std::string& out) { out = string(); }
    void read(DType& out) { out = dtype(); }
    void read(Interval& out);
    void read(std::vector<int64_t>& out) { out = integers(); }
    void read(std::vector<std::string>& out);

    Lexer lexer_;
};

}  // namespace gmc::ir
