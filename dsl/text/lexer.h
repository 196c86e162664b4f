// Tokens of an expression, each with its place in the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// A text with a place in a file for each of its bytes, so that any part of it has a span.
class PlacedText {
  public:
    /// A scalar of a document.
    PlacedText(const Node& scalar, const SourceFiles& sources);
    /// A text whose bytes follow each other from `where` on. When `where` covers a different number
    /// of bytes, every part's span is all of `where`.
    PlacedText(std::string_view text, Span where, const SourceFiles& sources);

    std::string_view text() const { return text_; }
    /// The span of bytes [begin, end).
    Span span(size_t begin, size_t end) const;
    Span whole() const { return whole_; }
    /// Does a comma follow in the file, which ended the text inside of `{}` or `[]`?
    bool ended_by_comma() const;

  private:
    std::string text_;
    std::vector<TextPlace> places_;
    Span whole_;
    const SourceFiles& sources_;
};

struct Token {
    enum class Kind { kNumber, kName, kOperator, kEnd };
    Kind kind = Kind::kEnd;
    std::string_view text;  ///< into the PlacedText; "" at the end
    double number = 0;
    size_t begin = 0, end = 0;

    bool is(std::string_view op) const { return kind == Kind::kOperator && text == op; }
};

/// The tokens of `text`, a kEnd at the end. Reports kBadExpression for what is none.
Result<std::vector<Token>> tokenize(const PlacedText& text, Diagnostics& diagnostics);

bool is_name_start(char c);
bool is_name_part(char c);
/// Is all of `text` one name, as networks, layers, variables and functions have?
bool is_name(std::string_view text);

}  // namespace gmc::dsl
