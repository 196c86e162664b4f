// Expressions of an objective, such as `mean(softplus(-discriminator(fake)))`, and numbers that are
// schedules. Enters: text. Leaves: a tree with spans. Names are resolved later (dsl/names.cpp).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

struct Expression;
struct Node;
using ExpressionPtr = std::shared_ptr<const Expression>;

/// What an argument of a loop is.
struct LoopPart {
    enum class Kind {
        kStart,  ///< the value `name` before the first pass
        kOver,   ///< a sequence, of which each pass sees an element, `name`
        kTimes,  ///< the number of passes
        kLet,    ///< a name for what each pass computes
        kNext,   ///< the value `name` after the pass
    };
    Kind kind = Kind::kStart;
    std::string name;
    Span span;  ///< of the name, or of the key
};

/// What a loop has beside its arguments. Part k says what argument k is.
struct Loop {
    std::vector<LoopPart> parts;
    std::string index;  ///< the name of the pass's number; "" when it has none
    Span index_span;
    /// `start` is a map: the loop's value consists of named ones.
    bool has_names = false;
    bool collects = false;  ///< the value is that after each pass, not only after the last
};

/// One node of a tree. `text` is its name, member, function or operator; `arguments` are its
/// children.
struct Expression {
    enum class Kind {
        kNumber,  ///< `number`; `text` is "true" or "false" where that was written
        kName,    ///< `text`
        /// `arguments[0].text`, as in `q.mean`.
        kMember,
        /// `text(arguments...)`, as in `mean(x, axis=1)`; named arguments have their names in
        /// argument_names.
        kCall,
        /// `text` is "-", "+" or "not".
        kUnary,
        /// `text` is one of + - * / % ^ < > <= >= == != and or. Of these ^ binds tightest, and to
        /// the right: -x^2 is -(x^2).
        kBinary,
        /// `text` is the loop's name; `loop` says what the arguments are. Not in texts of
        /// expressions: read by dsl/loop.cpp.
        kLoop,
        /// `[arguments...]`: sizes or axes, as an argument of a call, or numbers.
        kList,
    };
    Kind kind = Kind::kNumber;
    double number = 0;
    std::string text;
    std::vector<ExpressionPtr> arguments;
    /// kCall: one per argument, "" for a positional one.
    std::vector<std::string> argument_names;
    /// The whole expression, or the token that says most about it.
    Span span;
    std::shared_ptr<const Loop> loop = nullptr;  ///< kLoop
};

/// The names that argument `k` of a loop sees beside those around the loop; none for other
/// expressions.
std::set<std::string> names_bound(const Expression& e, size_t k);

/// Parses `text`, which starts at `where` in its file; its columns have to follow each other there,
/// as in a plain scalar. Reports kBadExpression at the smallest part that is wrong. Nesting deeper
/// than 200 is reported too, so that it cannot overflow the stack.
Result<ExpressionPtr> parse_expression(std::string_view text, Span where, Diagnostics& diagnostics);

/// Parses a scalar of a document. Its spans are exact also in quotes, over several lines and after
/// a `${name}`.
Result<ExpressionPtr> parse_expression(const Node& scalar, Diagnostics& diagnostics);

/// The value of an expression of numbers alone: `2 * (3 + 1)`, `max(4, 8 / 2)`. It knows the
/// operators and a few functions (constant_value in expression.cpp has them); nothing for all else.
std::optional<double> constant_value(const Expression& expression);
/// The same where `known` gives the values of names, members, and calls that it knows.
std::optional<double> value_of(
    const Expression& expression,
    const std::function<std::optional<double>(const Expression&)>& known);
/// The value of the binary operator `op` for two numbers; nothing when `op` is no operator.
std::optional<double> binary_value(std::string_view op, double a, double b);

/// A number as an expression.
ExpressionPtr number_expression(double value, Span where);
/// A name as an expression.
ExpressionPtr name_expression(std::string name, Span where);
/// A call as an expression, as schedules need: call_expression("linear", {from, to, over}, span).
ExpressionPtr call_expression(std::string callee, std::vector<ExpressionPtr> arguments, Span where);

/// The expression as text with as few parentheses as possible; it parses to the same tree.
std::string to_string(const Expression& expression);

}  // namespace gmc::dsl
