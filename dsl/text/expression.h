// Expressions of an objective: `mean(softplus(-discriminator(fake)))`, and numbers that are
// schedules. Text -> tree with spans; no name is resolved here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

struct Expression;
struct Node;
using ExpressionPtr = std::shared_ptr<const Expression>;

/// One node. `text` is the name, member, callee or operator; `arguments` are the children in order.
struct Expression {
    enum class Kind {
        kNumber,  ///< `number`
        kName,    ///< `text`
        kMember,  ///< arguments[0] . text              q.mean
        kCall,   ///< text(arguments...)               mean(x, axis=1): named ones in argument_names
        kUnary,  ///< text is "-" (or "+")
        kBinary,  ///< text is + - * / ^ < > <= >= == !=   ^ binds tightest, to the right: -x^2 =
                  ///< -(x^2)
    };
    Kind kind = Kind::kNumber;
    double number = 0;
    std::string text;
    std::vector<ExpressionPtr> arguments;
    std::vector<std::string> argument_names;  ///< kCall: "" for a positional argument
    Span span;                                ///< the whole of it, or its most telling token
};

/// Parses `text`, which starts at `where` in its file (a plain scalar: columns map one to one).
/// Reports kBadExpression with the narrowest span; nesting deeper than 200 is an error, not a
/// crash.
Result<ExpressionPtr> parse_expression(std::string_view text, Span where, Diagnostics& diagnostics);

/// Parses a scalar of a document, whose spans are exact in quotes, over several lines and after
/// `${name}` too.
Result<ExpressionPtr> parse_expression(const Node& scalar, Diagnostics& diagnostics);

/// A number as an expression.
ExpressionPtr number_expression(double value, Span where);
/// A name as an expression.
ExpressionPtr name_expression(std::string name, Span where);
/// A call as an expression, for schedules: call_expression("linear", {from, to, over}, span).
ExpressionPtr call_expression(std::string callee, std::vector<ExpressionPtr> arguments, Span where);

/// The expression with fewest parentheses; parses back to the same tree. For dumps and messages.
std::string to_string(const Expression& expression);

}  // namespace gmc::dsl
