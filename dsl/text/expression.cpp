// A Pratt parser over the tokens of lexer.h. Operators from loosest to tightest: or, and, not,
// comparisons, + -, * / %, sign, ^ (to the right), member.
#include "dsl/text/expression.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// Parentheses, calls and signs inside each other. Bounds the recursion of this parser.
constexpr int kMostDepth = 200;
/// Bounds the depth of trees, since they are walked recursively here and elsewhere: `a + a + ...`
/// is as deep as it has operators.
constexpr int kMostOperators = 500;

/// How tightly things bind, among the numbers of `binding` below. `not` stands between `and` and
/// comparisons, so that `not a > b` is not (a > b). A sign stands between `*` and `^`, so that -x^2
/// is -(x^2), and 2 * -x needs no parentheses. A primary is what never needs any: a name, a number
/// or a call.
constexpr int kNotBinding = 3;
constexpr int kComparisonBinding = 4;
constexpr int kProductBinding = 6;
constexpr int kSignBinding = 7;
constexpr int kPowerBinding = 8;
constexpr int kPrimaryBinding = 9;

/// How tightly a binary operator binds; 0 for any other token.
int binding(std::string_view op) {
    if (op == "or") return 1;
    if (op == "and") return 2;
    if (op == "<" || op == ">" || op == "<=" || op == ">=" || op == "==" || op == "!=")
        return kComparisonBinding;
    if (op == "+" || op == "-") return 5;
    if (op == "*" || op == "/" || op == "%") return kProductBinding;
    if (op == "^") return kPowerBinding;
    return 0;
}

/// Pratt's method: `parse(n)` reads an operand, then goes on as long as the next operator binds at
/// least as tightly as n, each time reading the right operand with the tightness of that operator
/// (+ 1 where it groups to the left). For `a + b * c`: parse(1) reads a, sees + and reads its right
/// side, which is `b * c` whole, since * binds more tightly than +. Time is linear in the tokens.
/// Tokens never run out, since the last one is kEnd and `next` does not go beyond it.
class Parser {
  public:
    Parser(const PlacedText& text, std::vector<Token> tokens, Diagnostics& diagnostics)
        : text_(text), tokens_(std::move(tokens)), diagnostics_(diagnostics) {}

    Result<ExpressionPtr> parse_all() {
        if (peek().kind == Token::Kind::kEnd) {
            diagnostics_.error(DiagnosticKind::kBadExpression, text_.whole(),
                               "an expression is empty");
            return Failure{};
        }
        const Parsed all = parse(1);
        if (!all.node) return Failure{};
        if (peek().kind != Token::Kind::kEnd) {
            Diagnostic& error =
                fail(peek(), "an operator or the end is expected, but `{}` follows", peek().text);
            if (peek().is("="))
                error.help("`==` compares; definitions go under `let`, as `name: expression`");
            help_with_next(error);
            return Failure{};
        }
        return all.node;
    }

  private:
    /// A subtree, and the bytes that it was written in.
    struct Parsed {
        ExpressionPtr node;  ///< null after an error
        size_t begin = 0, end = 0;
    };

    const Token& peek() const { return tokens_[at_]; }
    Token next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

    template <typename... Args>
    Diagnostic& fail(const Token& token, fmt::format_string<Args...> format, Args&&... args) {
        return diagnostics_.error(DiagnosticKind::kBadExpression,
                                  text_.span(token.begin, token.end), format,
                                  std::forward<Args>(args)...);
    }

    /// Gives a node the span of the bytes that it was written in.
    Parsed make(Expression node, size_t begin, size_t end) const {
        node.span = text_.span(begin, end);
        return {std::make_shared<const Expression>(std::move(node)), begin, end};
    }

    /// Counts an operator and reports too many. kMostDepth bounds depth where the parser recurses;
    /// this bounds it where a loop builds the tree.
    bool count_operator(const Token& op) {
        if (++operators_ <= kMostOperators) return true;
        fail(op, "an expression has more than {} operators; name parts of it under `let`",
             kMostOperators);
        return false;
    }

    /// Parses an expression whose binary operators bind at least as tightly as `least`.
    Parsed parse(int least) {
        if (depth_ >= kMostDepth) {
            fail(peek(), "an expression is nested deeper than {} levels", kMostDepth);
            return {};
        }
        ++depth_;
        Parsed left = parse_prefix();
        while (left.node) {
            const int tightness = operator_binding();
            if (tightness == 0 || tightness < least) break;
            const Token op = next();
            if (!count_operator(op)) return {};
            // The right operand of ^ may hold a further ^: 2^3^2 is 2^(3^2). Comparisons do not
            // chain.
            const Parsed right = parse(tightness == kPowerBinding ? kSignBinding : tightness + 1);
            if (!right.node) return {};
            if (tightness == kComparisonBinding && operator_binding() == kComparisonBinding) {
                fail(peek(), "comparisons cannot be chained").help("write `a < b and b < c`");
                return {};
            }
            const bool takes_flags = op.is("and") || op.is("or") || op.is("==") || op.is("!=");
            if (!takes_flags && (refused_as_flag(left) || refused_as_flag(right))) return {};
            left = make({Expression::Kind::kBinary,
                         0,
                         std::string(op.text),
                         {left.node, right.node},
                         {},
                         {}},
                        left.begin, right.end);
        }
        --depth_;
        return left;
    }

    /// Reports a flag where a number is meant.
    bool refused_as_flag(const Parsed& value) {
        if (value.node->kind != Expression::Kind::kNumber || value.node->text.empty()) return false;
        diagnostics_
            .error(DiagnosticKind::kBadExpression, text_.span(value.begin, value.end),
                   "`{}` is a flag and no number", value.node->text)
            .help("a flag is an argument by itself, as in `sum(x, axis=0, keep=true)`");
        return true;
    }

    /// How tightly the next token binds as a binary operator; 0 when it is none.
    int operator_binding() const {
        return peek().kind == Token::Kind::kOperator || peek().kind == Token::Kind::kName
                   ? binding(peek().text)
                   : 0;
    }

    /// Parses any number of signs, then a primary with its members.
    Parsed parse_prefix() {
        const bool negation = peek().kind == Token::Kind::kName && peek().text == "not";
        if (!peek().is("-") && !peek().is("+") && !negation) return parse_members();
        const Token sign = next();
        // -x^2 is -(x^2), -x*y is (-x)*y, and `not a > b` is `not (a > b)`
        const Parsed operand = parse(negation ? kNotBinding : kSignBinding);
        if (!operand.node || (!negation && refused_as_flag(operand))) return {};
        return make({Expression::Kind::kUnary, 0, std::string(sign.text), {operand.node}, {}, {}},
                    sign.begin, operand.end);
    }

    /// Parses a primary and any number of `.name` after it. Also `np.exp(x)`, `x.exp()` and
    /// `Loss()(x)`, as programs have them: calls of `np.exp`, `.exp` and `Loss()`, of which the
    /// check of names says what is meant.
    Parsed parse_members() {
        Parsed whole = parse_primary();
        for (; whole.node &&
               (peek().is(".") || (peek().is("(") && is_foreign_callee(*whole.node)));) {
            if (peek().is("(")) {
                whole = parse_foreign_call(whole);
                continue;
            }
            if (!count_operator(next())) return {};
            if (peek().kind != Token::Kind::kName) {
                fail(peek(), "the name of a part is expected after the `.`");
                return {};
            }
            const Token name = next();
            whole =
                make({Expression::Kind::kMember, 0, std::string(name.text), {whole.node}, {}, {}},
                     whole.begin, name.end);
        }
        return whole;
    }

    static bool is_foreign_callee(const Expression& e) {
        return e.kind == Expression::Kind::kMember ||
               (e.kind == Expression::Kind::kCall && !e.text.ends_with(')'));
    }

    /// The words in front of functions in programs.
    static bool is_module(const Expression& e) {
        if (e.kind == Expression::Kind::kMember) return is_module(*e.arguments[0]);
        static constexpr std::string_view kModules[] = {"nn",  "F",     "np",  "numpy", "torch",
                                                        "tf",  "keras", "K",   "math",  "jnp",
                                                        "jax", "ops",   "self"};
        return e.kind == Expression::Kind::kName &&
               std::find(std::begin(kModules), std::end(kModules), e.text) != std::end(kModules);
    }

    /// Parses the arguments of a call of `callee`, which is none of ours.
    Parsed parse_foreign_call(const Parsed& callee) {
        const Expression& e = *callee.node;
        const bool method = e.kind == Expression::Kind::kMember && !is_module(*e.arguments[0]);
        const std::string name = method                              ? "." + e.text
                                 : e.kind == Expression::Kind::kCall ? e.text + "()"
                                                                     : to_string(e);
        const Token token{Token::Kind::kName, name, 0, callee.begin, callee.end};
        if (!count_operator(peek())) return {};
        return parse_call(token);
    }

    /// Parses a number, a name, a call or an expression in parentheses.
    Parsed parse_primary() {
        const Token token = next();
        if (token.kind == Token::Kind::kNumber)
            return make({Expression::Kind::kNumber, token.number, "", {}, {}, {}}, token.begin,
                        token.end);
        if (token.kind == Token::Kind::kName && (token.text == "true" || token.text == "false"))
            return make({Expression::Kind::kNumber,
                         token.text == "true" ? 1.0 : 0.0,
                         std::string(token.text),
                         {},
                         {},
                         {}},
                        token.begin, token.end);
        if (token.kind == Token::Kind::kName && binding(token.text) == 0) {
            if (peek().is("(")) return parse_call(token);
            return make({Expression::Kind::kName, 0, std::string(token.text), {}, {}, {}},
                        token.begin, token.end);
        }
        if (token.is("(")) {
            const Parsed inner = parse(1);
            if (!inner.node) return {};
            if (!expect_close(token)) return {};
            return {inner.node, token.begin, tokens_[at_ - 1].end};
        }
        if (token.is("[")) return parse_list(token);
        if (token.kind == Token::Kind::kEnd) {
            Diagnostic& error = fail(token, "the expression ends where a value is expected");
            if (at_ >= 1 && tokens_[at_ - 1].is("%")) error.help(share_help());
        } else {
            Diagnostic& error = fail(token, "a value is expected before `{}`", token.text);
            const bool twice = at_ >= 2 && tokens_[at_ - 2].text == token.text;
            if (token.is("*") && twice) error.help("a power is written `x^2`");
            if (at_ >= 2 && tokens_[at_ - 2].is("%"))
                error.help("`%` is a remainder; " + share_help());
            if (token.is("/") && twice)
                error.help("a quotient is written `a / b`; `floor(a / b)` rounds it down");
            if (token.is("=") && at_ >= 2)
                error.help("a new value needs a new name: `total: a + b` under `let`");
        }
        return {};
    }

    /// A share in percent is a number here: with the number before the last `%`, if there is one.
    std::string share_help() const {
        size_t percent = at_;
        while (percent > 0 && !tokens_[percent].is("%")) --percent;
        const bool number = percent > 0 && tokens_[percent - 1].kind == Token::Kind::kNumber;
        const double share = number ? tokens_[percent - 1].number : 50;
        return fmt::format("{} % is the number {}", share, share / 100);
    }

    /// Parses a list whose `[` was read.
    Parsed parse_list(const Token& open) {
        Expression list{Expression::Kind::kList, 0, "", {}, {}, {}};
        while (!peek().is("]")) {
            if (!list.arguments.empty()) {
                if (!peek().is(",")) break;
                next();
            }
            const Parsed element = parse(1);
            if (!element.node) return {};
            list.arguments.push_back(element.node);
        }
        if (!peek().is("]")) {
            fail(peek().kind == Token::Kind::kEnd ? open : peek(), "a list ends in `]`");
            return {};
        }
        return make(std::move(list), open.begin, next().end);
    }

    /// Parses the arguments of a call whose name was read; named ones come last, as in Python.
    Parsed parse_call(const Token& callee) {
        const Token open = next();
        Expression call{Expression::Kind::kCall, 0, std::string(callee.text), {}, {}, {}};
        while (!peek().is(")")) {
            if (!call.arguments.empty()) {
                if (!peek().is(",")) break;
                next();
            }
            std::string name;
            if (peek().kind == Token::Kind::kName && tokens_[at_ + 1].is("=")) {
                name = next().text;
                next();
            } else if (!call.argument_names.empty() && !call.argument_names.back().empty()) {
                fail(peek(), "an argument without a name follows one with a name");
                return {};
            }
            const Parsed argument = parse(1);
            if (!argument.node) return {};
            call.arguments.push_back(argument.node);
            call.argument_names.push_back(std::move(name));
        }
        if (!expect_close(open)) return {};
        return make(std::move(call), callee.begin, tokens_[at_ - 1].end);
    }

    /// Reports a missing parenthesis where it was opened: only that place is certain.
    bool expect_close(const Token& open) {
        if (peek().is(")")) {
            next();
            return true;
        }
        if (peek().kind == Token::Kind::kEnd) {
            Diagnostic& error = fail(open, "this `(` is not closed");
            if (text_.ended_by_comma())
                error.help("inside of `{}` and `[]` a `,` ends a text that has no quotes");
        } else {
            Diagnostic& error =
                fail(peek(), "`)` or an operator is expected, but `{}` follows", peek().text);
            if (peek().is("=")) error.help("a comparison is `==`, which is 1 where both are equal");
            help_with_next(error.note(text_.span(open.begin, open.end), "the `(` is here"));
        }
        return false;
    }

    /// Adds help for `z[0]`, `2 x` and `0,5`, whose second half was not expected.
    void help_with_next(Diagnostic& error) {
        if (peek().is("[") && at_ > 0 && tokens_[at_ - 1].text == "shape")
            error.help(
                "`normal(x)` has the shape of `x`, and `size_of(x, 0)` is a size of it; the batch "
                "is "
                "never written");
        else if (peek().is("["))
            error.help(
                "parts of a network's result have names, as in `q.mean`; `slice` takes a part of a "
                "tensor");
        if (peek().is(")")) error.help("it closes nothing");
        if (peek().text == "x") return void(error.help("a product is written `*`"));
        if (peek().text == "if") return void(error.help("write `where(x > 0, a, b)`"));
        if (peek().text == "for")
            return void(error.help("functions act on whole tensors: `sum(x)`"));
        const bool names = at_ > 0 && tokens_[at_ - 1].kind == Token::Kind::kName &&
                           peek().kind == Token::Kind::kName;
        if (names)
            error.help(fmt::format(
                "arguments stand in parentheses, as in `{}({})`, and products "
                "are written `{} * {}`",
                tokens_[at_ - 1].text, peek().text, tokens_[at_ - 1].text, peek().text));
        if (at_ == 0 || tokens_[at_ - 1].kind != Token::Kind::kNumber) return;
        const bool exponent = peek().text == "e" || peek().text == "E";
        if (exponent && tokens_[at_ + 1].is("-"))  // 1 e-3
            error.help(fmt::format("a number has no spaces: `{}e-{}`", tokens_[at_ - 1].text,
                                   at_ + 2 < tokens_.size() ? tokens_[at_ + 2].text : ""));
        else if (peek().kind == Token::Kind::kName || peek().is("("))
            error.help(fmt::format("a product is written `{} * ...`", tokens_[at_ - 1].text));
        if (peek().is(",") && tokens_[at_ + 1].kind == Token::Kind::kNumber)
            error.help(fmt::format("the decimal mark is a point: `{}.{}`", tokens_[at_ - 1].text,
                                   tokens_[at_ + 1].text));
    }

    const PlacedText& text_;
    std::vector<Token> tokens_;
    Diagnostics& diagnostics_;
    size_t at_ = 0;
    int depth_ = 0;
    int operators_ = 0;
};

Result<ExpressionPtr> parse_placed(const PlacedText& text, Diagnostics& diagnostics) {
    Result<std::vector<Token>> tokens = tokenize(text, diagnostics);
    if (!tokens) return Failure{};
    return Parser(text, tokens.take(), diagnostics).parse_all();
}

/// How tightly the outermost operation of a tree binds.
int binding_of(const Expression& e) {
    if (e.kind == Expression::Kind::kBinary) return binding(e.text);
    if (e.kind == Expression::Kind::kUnary) return e.text == "not" ? kNotBinding : kSignBinding;
    if (e.kind == Expression::Kind::kNumber && e.number < 0) return kSignBinding;
    return kPrimaryBinding;
}

/// The text of an operand, in parentheses when it binds less tightly than `least`.
std::string operand(const Expression& e, int least) {
    return binding_of(e) < least ? "(" + to_string(e) + ")" : to_string(e);
}

}  // namespace

Result<ExpressionPtr> parse_expression(std::string_view text, Span where,
                                       Diagnostics& diagnostics) {
    return parse_placed(PlacedText(text, where, diagnostics.sources()), diagnostics);
}

Result<ExpressionPtr> parse_expression(const Node& scalar, Diagnostics& diagnostics) {
    return parse_placed(PlacedText(scalar, diagnostics.sources()), diagnostics);
}

namespace {

/// A function of numbers; nothing when it is none of those that constants know.
std::optional<double> constant_call(const std::string& name, const std::vector<double>& x) {
    if (x.size() == 2 && name == "min") return std::min(x[0], x[1]);
    if (x.size() == 2 && name == "max") return std::max(x[0], x[1]);
    if (x.size() != 1) return std::nullopt;
    if (name == "floor") return std::floor(x[0]);
    if (name == "round") return std::nearbyint(x[0]);
    if (name == "sqrt") return std::sqrt(x[0]);
    if (name == "exp") return std::exp(x[0]);
    if (name == "log") return std::log(x[0]);
    if (name == "abs") return std::abs(x[0]);
    return std::nullopt;
}

double truth(bool value) { return value ? 1 : 0; }

}  // namespace

std::optional<double> binary_value(std::string_view op, double a, double b) {
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") return a * b;
    if (op == "/") return a / b;
    if (op == "%") return a - b * std::floor(a / b);
    if (op == "^") return std::pow(a, b);
    if (op == "<") return truth(a < b);
    if (op == ">") return truth(a > b);
    if (op == "<=") return truth(a <= b);
    if (op == ">=") return truth(a >= b);
    if (op == "==") return truth(a == b);
    if (op == "!=") return truth(a != b);
    if (op == "and") return truth(a != 0 && b != 0);
    if (op == "or") return truth(a != 0 || b != 0);
    return std::nullopt;
}

std::optional<double> constant_value(const Expression& e) {
    return value_of(e, [](const Expression&) { return std::optional<double>(); });
}

std::optional<double> value_of(
    const Expression& e, const std::function<std::optional<double>(const Expression&)>& known) {
    if (e.kind == Expression::Kind::kNumber) return e.number;
    if (e.kind == Expression::Kind::kList || e.kind == Expression::Kind::kLoop) return std::nullopt;
    const bool named = e.kind == Expression::Kind::kName || e.kind == Expression::Kind::kMember;
    if (named || e.kind == Expression::Kind::kCall)
        if (const std::optional<double> value = known(e); value || named) return value;
    std::vector<double> x;
    for (const ExpressionPtr& argument : e.arguments) {
        const std::optional<double> value = value_of(*argument, known);
        if (!value) return std::nullopt;
        x.push_back(*value);
    }
    if (e.kind == Expression::Kind::kCall) return constant_call(e.text, x);
    if (e.kind == Expression::Kind::kBinary) return binary_value(e.text, x[0], x[1]);
    if (e.text == "not") return truth(x[0] == 0);
    return e.text == "-" ? -x[0] : x[0];
}

ExpressionPtr number_expression(double value, Span where) {
    return std::make_shared<const Expression>(
        Expression{Expression::Kind::kNumber, value, "", {}, {}, where});
}

ExpressionPtr name_expression(std::string name, Span where) {
    return std::make_shared<const Expression>(
        Expression{Expression::Kind::kName, 0, std::move(name), {}, {}, where});
}

ExpressionPtr call_expression(std::string callee, std::vector<ExpressionPtr> arguments,
                              Span where) {
    Expression call{Expression::Kind::kCall, 0, std::move(callee), std::move(arguments), {}, where};
    call.argument_names.resize(call.arguments.size());
    return std::make_shared<const Expression>(std::move(call));
}

std::set<std::string> names_bound(const Expression& e, size_t k) {
    std::set<std::string> names;
    if (e.kind != Expression::Kind::kLoop) return names;
    using Part = LoopPart::Kind;
    const Part own = e.loop->parts[k].kind;
    if (own != Part::kLet && own != Part::kNext) return names;
    if (!e.loop->index.empty()) names.insert(e.loop->index);
    for (size_t i = 0; i < e.loop->parts.size(); ++i) {
        const LoopPart& part = e.loop->parts[i];
        const bool above = part.kind == Part::kLet && (own == Part::kNext || i < k);
        if (part.kind == Part::kStart || part.kind == Part::kOver || above) names.insert(part.name);
    }
    return names;
}

/// Writes an expression with as few parentheses as the parser needs to read the same tree again;
/// tests rely on that, and so do checks that compare expressions by their text.
std::string to_string(const Expression& e) {
    switch (e.kind) {
        case Expression::Kind::kNumber:
            return fmt::format("{}", e.number);
        case Expression::Kind::kName:
            return e.text;
        case Expression::Kind::kMember: {
            const bool number =
                e.arguments[0]->kind == Expression::Kind::kNumber;  // "3.x" would be one token
            return operand(*e.arguments[0], kPrimaryBinding + (number ? 1 : 0)) + "." + e.text;
        }
        case Expression::Kind::kUnary:
            if (e.text == "not") return "not " + operand(*e.arguments[0], kNotBinding);
            return e.text + operand(*e.arguments[0], kSignBinding);
        case Expression::Kind::kBinary: {
            const int own = binding(e.text);
            // The operand on the side that does not associate needs parentheses when it binds as
            // tightly. To the right of ^ a sign needs none; to its left it does.
            const int left = own == kPowerBinding || own == kComparisonBinding ? own + 1 : own;
            const int right = own == kPowerBinding ? kSignBinding : own + 1;
            const std::string gap = own == kPowerBinding ? "" : " ";
            return operand(*e.arguments[0], left) + gap + e.text + gap +
                   operand(*e.arguments[1], right);
        }
        case Expression::Kind::kLoop: {
            static constexpr const char* kKeys[] = {"start", "over", "times", "let", "next"};
            std::string out = e.loop->index.empty() ? "{" : "{index: " + e.loop->index + ", ";
            for (size_t i = 0; i < e.arguments.size(); ++i)
                out += fmt::format("{}{} {}: {}", i > 0 ? ", " : "",
                                   kKeys[static_cast<int>(e.loop->parts[i].kind)],
                                   e.loop->parts[i].name, to_string(*e.arguments[i]));
            return out + (e.loop->collects ? ", collect: true}" : "}");
        }
        case Expression::Kind::kCall:
        case Expression::Kind::kList:
            break;
    }
    const bool list = e.kind == Expression::Kind::kList;
    // The callee `.exp` of `x.exp()`: whatever stood before the dot.
    std::string out = list ? "[" : (e.text.starts_with('.') ? "x" : "") + e.text + "(";
    for (size_t i = 0; i < e.arguments.size(); ++i) {
        if (i > 0) out += ", ";
        if (!list && !e.argument_names[i].empty()) out += e.argument_names[i] + "=";
        out += to_string(*e.arguments[i]);
    }
    return out + (list ? "]" : ")");
}

}  // namespace gmc::dsl
