// Splits the text of an expression into tokens, each with its place in the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// A text with a place in a file for each of its bytes, so that every part of it has a span.
class PlacedText {
  public:
    /// A scalar of a document.
    PlacedText(const Node& scalar, const SourceFiles& sources);
    /// A text whose bytes follow each other in the file from `where` on. When `where` covers a
    /// different number of bytes, the span of every part is all of `where`.
    PlacedText(std::string_view text, Span where, const SourceFiles& sources);

    std::string_view text() const { return text_; }
    /// The span of bytes [begin, end).
    Span span(size_t begin, size_t end) const;
    Span whole() const { return whole_; }
    /// True when a comma follows in the file, so that the comma of `{}` or `[]` ended the text.
    bool ended_by_comma() const;

  private:
    std::string text_;
    std::vector<TextPlace> places_;
    Span whole_;
    const SourceFiles& sources_;
};

/// One token, and the bytes [begin, end) of the expression that it is made of.
struct Token {
    enum class Kind { kNumber, kName, kOperator, kEnd };
    Kind kind = Kind::kEnd;
    /// Part of the PlacedText; "" at the end.
    std::string_view text;
    double number = 0;
    size_t begin = 0, end = 0;

    bool is(std::string_view op) const { return kind == Kind::kOperator && text == op; }
};

/// The tokens of `text`, then one of kEnd. Reports kBadExpression for text that is no token.
Result<std::vector<Token>> tokenize(const PlacedText& text, Diagnostics& diagnostics);

bool is_name_start(char c);
bool is_name_part(char c);
/// True when `text` is one name, as networks, layers, variables and functions have.
bool is_name(std::string_view text);

}  // namespace gmc::dsl
