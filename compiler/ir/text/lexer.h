// Cuts the IR text into tokens for the parser.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/source_file.h"

namespace gmc::ir {

/// A piece of the text. `offset` and `length` are bytes in the text, of the token as it is written:
/// with `%`, quotes and slashes.
struct Token {
    enum class Kind { kEnd, kWord, kNumber, kString, kValue, kState, kComment, kPunctuation, kBad };
    Kind kind = Kind::kEnd;
    /// A word; the name after % or @; a string's content; a comment after "//"; one character.
    std::string text;
    size_t offset = 0;
    size_t length = 0;
};

/// Whether `name` can stand behind % or @: letters, digits, `_` and `.`, at least one.
bool is_readable_name(std::string_view name);
/// ... and as a word, such as the name of a result: it begins with no digit.
bool is_readable_word(std::string_view name);

/// Splits IR text into tokens. Line breaks mean nothing, but for comments, which end there.
class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) { advance(); }

    const Token& peek() const { return token_; }
    Token next() {
        Token t = token_;
        advance();
        return t;
    }

  private:
    void advance();
    size_t word_end(size_t begin) const;

    std::string_view text_;
    size_t position_ = 0;
    Token token_;
};

}  // namespace gmc::ir
