// Expressions: precedence, printing, and the places of their parts.
#include "dsl/text/expression.h"

#include "dsl/text/scalar.h"
#include "tests/unit/dsl_helpers.h"

namespace gmc::dsl {
namespace {

/// An expression from text, with the errors of parsing it.
struct ParsedExpression {
    Diagnostics diagnostics;
    ExpressionPtr tree;

    explicit ParsedExpression(const std::string& text) {
        const uint32_t file = diagnostics.sources().add("t.yaml", text);
        Result<ExpressionPtr> parsed =
            parse_expression(text, {file, 1, 1, static_cast<uint32_t>(text.size())}, diagnostics);
        if (parsed) tree = parsed.take();
    }
};

/// Every operation in parentheses.
std::string structure(const Expression& e) {
    switch (e.kind) {
        case Expression::Kind::kNumber:
        case Expression::Kind::kName:
            return to_string(e);
        case Expression::Kind::kMember:
            return structure(*e.arguments[0]) + "." + e.text;
        case Expression::Kind::kUnary:
            return "(" + e.text + structure(*e.arguments[0]) + ")";
        case Expression::Kind::kBinary:
            return "(" + structure(*e.arguments[0]) + e.text + structure(*e.arguments[1]) + ")";
        case Expression::Kind::kCall:
        case Expression::Kind::kList:
        case Expression::Kind::kLoop:  // no text
            break;
    }
    std::string out = e.text + "(";
    for (const ExpressionPtr& argument : e.arguments) out += structure(*argument) + ";";
    return out + ")";
}

TEST_CASE("Operators bind as in mathematics", "[dsl]") {
    const auto [text, expected] = GENERATE(table<std::string, std::string>({
        {"a + b * c", "(a+(b*c))"},
        {"a - b - c", "((a-b)-c)"},
        {"a / b * c", "((a/b)*c)"},
        {"-x^2", "(-(x^2))"},
        {"2^3^2", "(2^(3^2))"},
        {"2^-x", "(2^(-x))"},
        {"2^-x^2", "(2^(-(x^2)))"},
        {"-x * y", "((-x)*y)"},
        {"- -x", "(-(-x))"},
        {"+x", "(+x)"},
        {"(a + b)^2", "((a+b)^2)"},
        {"a < b + 1", "(a<(b+1))"},
        {"a * b >= c", "((a*b)>=c)"},
        {"q.mean^2", "(q.mean^2)"},
        {"f(x).a.b", "f(x;).a.b"},
        {"f(a, g(b), -c)", "f(a;g(b;);(-c);)"},
        {"f()", "f()"},
        {"a % b * c", "((a%b)*c)"},
        {"a or b and c", "(aor(bandc))"},
        {"not a > b and c", "((not(a>b))andc)"},
        {"f(x, [1, -n])", "f(x;(1;(-n););)"},
        {"1e-4 * 2.5E+3", "(0.0001*2500)"},
        {".5", "0.5"},
        {"a+-b", "(a+(-b))"},
    }));
    CAPTURE(text);
    const ParsedExpression parsed(text);
    REQUIRE(parsed.tree);
    CHECK(structure(*parsed.tree) == expected);
    // The printed text parses to the same tree.
    const ParsedExpression again(to_string(*parsed.tree));
    REQUIRE(again.tree);
    CHECK(structure(*again.tree) == expected);
}

TEST_CASE("Expressions print with the fewest parentheses", "[dsl]") {
    const auto [text, expected] = GENERATE(table<std::string, std::string>({
        {"((a) + ((b)*(c)))", "a + b * c"},
        {"a-(b-c)", "a - (b - c)"},
        {"(a-b)-c", "a - b - c"},
        {"(a^b)^c", "(a^b)^c"},
        {"a^(b^c)", "a^b^c"},
        {"(-a)^2", "(-a)^2"},
        {"-(a^2)", "-a^2"},
        {"-(a+b)", "-(a + b)"},
        {"(a<b)*(b<c)", "(a < b) * (b < c)"},
        {"(a+b).c", "(a + b).c"},
        {"(3).x", "(3).x"},
        {"sum(x,axis=1+1)", "sum(x, axis=1 + 1)"},
        {"sum(x,axis=[0,1],keep=true)", "sum(x, axis=[0, 1], keep=1)"},
        {"(not (a and b)) or (a%b)", "not (a and b) or a % b"},
    }));
    CAPTURE(text);
    const ParsedExpression parsed(text);
    REQUIRE(parsed.tree);
    CHECK(to_string(*parsed.tree) == expected);
}

TEST_CASE("Parts of expressions know their columns", "[dsl]") {
    const ParsedExpression parsed("mean(a + bb.c) ^ -(x)");
    REQUIRE(parsed.tree);
    const auto check = [](const ExpressionPtr& e, uint32_t column, uint32_t length) {
        CHECK(e->span.column == column);
        CHECK(e->span.length == length);
    };
    check(parsed.tree, 1, 21);
    const ExpressionPtr& call = parsed.tree->arguments[0];
    check(call, 1, 14);
    const ExpressionPtr& sum = call->arguments[0];
    check(sum, 6, 8);
    check(sum->arguments[1], 10, 4);
    check(sum->arguments[1]->arguments[0], 10, 2);
    check(parsed.tree->arguments[1], 18, 4);
}

TEST_CASE("Every malformed expression is one error", "[dsl]") {
    const std::string text = GENERATE(
        as<std::string>{}, "", " ", "a +", "* a", "a b", "(a", "a)", "f(a", "f(a,,b)", "f(,a)",
        "f(x=1, y)", "a < b < c", "1_000", "2x", "1e", "0x1", "1e999", "a.", "a.3", ".", "a === b",
        "a ** b", "$x", "\"a\"", "a ? b", "é", "a[0]", "!a", "f(x=)", "=", "a = b");
    CAPTURE(text);
    const ParsedExpression parsed(text);
    CHECK_FALSE(parsed.tree);
    REQUIRE(parsed.diagnostics.count() == 1);
    CHECK(parsed.diagnostics.list()[0].kind == DiagnosticKind::kBadExpression);
}

TEST_CASE("Expressions are bounded in depth and length", "[dsl]") {
    const auto fails = [](const std::string& text) { return !ParsedExpression(text).tree; };
    CHECK_FALSE(fails(std::string(100, '(') + "1" + std::string(100, ')')));
    CHECK(fails(std::string(100000, '(')));
    CHECK(fails(std::string(9999, '(') + "1"));
    CHECK(fails(std::string(5000, '-') + "1"));
    std::string powers = "1", sum = "1", members = "a", calls;
    for (int i = 0; i < 2000; ++i) {
        powers += "^1";
        sum += "+1";
        members += ".a";
        calls += "f(";
    }
    CHECK(fails(powers));
    CHECK(fails(sum));
    CHECK(fails(members));
    CHECK(fails(calls));
}

TEST_CASE("Numbers are decimal and finite", "[dsl]") {
    CHECK(parse_number("1e-4") == 1e-4);
    CHECK(parse_number("+.5") == 0.5);
    CHECK(parse_number("-3.") == -3.0);
    for (const char* text : {"", "-", "+-1", "1_0", "0x1", "inf", "nan", "1e999", "010", "-00.5",
                             "1 ", " 1", "1.2.3", "e5"})
        CHECK_FALSE(parse_number(text));
    CHECK(parse_integer("-12") == -12);
    CHECK(parse_integer("0") == 0);
    for (const char* text :
         {"", "1.0", "1e3", "010", "-01", "99999999999999999999", "1_000", "--1", "+-1"})
        CHECK_FALSE(parse_integer(text));
    CHECK(format_number(1234567) == "1,234,567");
    CHECK(format_number(-1000) == "-1,000");
    CHECK(format_number(999) == "999");
    CHECK(format_number(0.25) == "0.25");
}

}  // namespace
}  // namespace gmc::dsl
