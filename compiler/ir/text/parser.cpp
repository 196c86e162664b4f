// A recursive-descent parser over the token stream; attributes are read generically by field lists.
#include "compiler/ir/text/parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "compiler/ir/attributes.h"
#include "compiler/ir/infer.h"
#include "compiler/ir/text/lexer.h"
#include "compiler/support/edit_distance.h"

namespace gmc::ir {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 40;

/// Thrown inside this file only, after the error was reported: unwinds to the end of the parse.
struct ParseStop {};

class Parser {
  public:
    Parser(uint32_t file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics), lexer_(diagnostics.sources().file(file).text()) {}

    Module parse() {
        expect_word("gmc");
        const Token version = lexer_.peek();
        if (integer() != kFormatVersion)
            stop(version,
                 fmt::format(
                     "format version {} is not known to this program, which reads version {}",
                     version.text, kFormatVersion));
        expect_word("model");
        module_.name = string();
        while (!at_end()) item();
        return std::move(module_);
    }

  private:
    // ---- tokens ----

    /// The next token that is no comment.
    const Token& peek() {
        while (lexer_.peek().kind == Token::Kind::kComment) lexer_.next();
        return lexer_.peek();
    }
    Token next() {
        peek();
        return lexer_.next();
    }
    /// Asked before looking on where a location may follow, as peek() drops it.
    bool at_comment() { return lexer_.peek().kind == Token::Kind::kComment; }
    bool at_end() { return peek().kind == Token::Kind::kEnd; }
    bool at(char c) { return peek().kind == Token::Kind::kPunctuation && peek().text[0] == c; }
    bool at_word(std::string_view word) {
        return peek().kind == Token::Kind::kWord && peek().text == word;
    }
    bool accept(char c) {
        if (!at(c)) return false;
        next();
        return true;
    }

    [[noreturn]] void stop(const Token& token, std::string text, std::string help = "") {
        const SourceFile& source = diagnostics_.sources().file(file_);
        Diagnostic& d = diagnostics_.error(
            DiagnosticKind::kBadIr,
            source.span_at(file_, token.offset, std::max<size_t>(token.length, 1)), "{}", text);
        if (!help.empty()) d.help(std::move(help));
        throw ParseStop{};
    }
    std::string seen(const Token& t) {
        return t.kind == Token::Kind::kEnd ? "the end of the text" : fmt::format("`{}`", t.text);
    }
    void expect(char c) {
        if (!accept(c)) stop(peek(), fmt::format("expected `{}`, got {}", c, seen(peek())));
    }
    void expect_word(std::string_view word) {
        if (!at_word(word)) stop(peek(), fmt::format("expected `{}`, got {}", word, seen(peek())));
        next();
    }
    std::string word(std::string_view what) {
        if (peek().kind != Token::Kind::kWord)
            stop(peek(), fmt::format("expected {}, got {}", what, seen(peek())));
        return next().text;
    }
    std::string string() {
        if (peek().kind != Token::Kind::kString)
            stop(peek(), fmt::format("expected a string in quotes, got {}", seen(peek())));
        return next().text;
    }
    double number() {
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
    int64_t integer() {
        const Token t = next();
        int64_t value = 0;
        const char* end = t.text.data() + t.text.size();
        const auto [stopped, code] = std::from_chars(t.text.data(), end, value);
        if (t.kind != Token::Kind::kNumber || code != std::errc() || stopped != end)
            stop(t, fmt::format("expected an integer, got {}", seen(t)));
        return value;
    }
    std::vector<int64_t> integers() {
        expect('[');
        std::vector<int64_t> out;
        while (!at(']')) {
            out.push_back(integer());
            if (!accept(',')) break;
        }
        expect(']');
        return out;
    }

    // ---- shared pieces ----

    Type type() {
        const Token t = peek();
        const std::string name = word("a type such as f32[128,10]");
        Type result;
        if (name == "f32")
            result.dtype = DType::kF32;
        else if (name == "bf16")
            result.dtype = DType::kBf16;
        else if (name == "i32")
            result.dtype = DType::kI32;
        else
            stop(t, fmt::format("`{}` is no element type", name),
                 "element types are f32, bf16 and i32");
        result.shape = integers();
        int64_t elements = 1;
        for (int64_t size : result.shape) {
            if (size < 1 || size > kMostElements / elements)
                stop(t, fmt::format(
                            "{} is no shape: sizes are positive and their product is at most 2^40",
                            to_string(result.shape)));
            elements *= size;
        }
        return result;
    }

    /// `// path:line:column` after an op or a state, when there is one.
    Location location() {
        if (!at_comment()) return {};
        const std::string text = lexer_.next().text;
        const size_t second = text.rfind(':');
        const size_t first = second == std::string::npos || second == 0
                                 ? std::string::npos
                                 : text.rfind(':', second - 1);
        if (first == std::string::npos) return {};
        const auto number_in = [&](size_t begin, size_t end) {
            int32_t value = 0;
            const auto [stopped, code] =
                std::from_chars(text.data() + begin, text.data() + end, value);
            return code == std::errc() && stopped == text.data() + end ? value : 0;
        };
        const Location l{file_index(text.substr(text.find_first_not_of(' '),
                                                first - text.find_first_not_of(' '))),
                         number_in(first + 1, second), number_in(second + 1, text.size())};
        return l.file != kNone && l.line > 0 && l.column > 0 ? l : Location{};
    }
    int32_t file_index(const std::string& path) {
        for (size_t i = 0; i < module_.files.size(); ++i)
            if (module_.files[i] == path) return static_cast<int32_t>(i);
        return kNone;
    }

    void read(bool& out) {
        const Token t = next();
        if (t.text != "true" && t.text != "false")
            stop(t, fmt::format("expected true or false, got {}", seen(t)));
        out = t.text == "true";
    }
    void read(int64_t& out) { out = integer(); }
    void read(double& out) { out = number(); }
    void read(std::vector<int64_t>& out) { out = integers(); }

    /// `{name=value, ...}` into the fields of `object`; nothing when the next token is no brace.
    template <typename Object>
    void attributes(Object& object, std::string_view owner) {
        if (at_comment() || !accept('{')) return;
        while (!at('}')) {
            const Token name = peek();
            word("an attribute's name");
            expect('=');
            bool known = false;
            for_each_field(object, [&](std::string_view field_name, auto& member) {
                if (known || field_name != name.text) return;
                known = true;
                read(member);
            });
            if (!known) stop(name, fmt::format("`{}` has no attribute `{}`", owner, name.text));
            if (!accept(',')) break;
        }
        expect('}');
    }
    void attributes(std::monostate&, std::string_view) {}

    // ---- module items ----

    void item() {
        const Token t = peek();
        const std::string keyword = word("`file`, `config`, `state`, `func` or `checksum`");
        if (keyword == "file")
            module_.files.push_back(string());
        else if (keyword == "config")
            config();
        else if (keyword == "state")
            state();
        else if (keyword == "func")
            function();
        else
            stop(t, fmt::format("`{}` starts nothing here", keyword),
                 "a module has file, config, state and func");
    }

    void config() {
        const std::string key = word("a key");
        expect('=');
        if (peek().kind == Token::Kind::kString) {
            module_.config.emplace_back(key, string());
        } else if (accept('[')) {
            std::vector<double> list;
            while (!at(']')) {
                list.push_back(number());
                if (!accept(',')) break;
            }
            expect(']');
            module_.config.emplace_back(key, std::move(list));
        } else {
            module_.config.emplace_back(key, number());
        }
    }

    void state() {
        State s;
        const Token name = next();
        if (name.kind != Token::Kind::kState)
            stop(name, fmt::format("expected a state such as @w, got {}", seen(name)));
        if (states_.count(name.text) != 0)
            stop(name, fmt::format("state `@{}` is declared twice", name.text));
        s.name = name.text;
        expect(':');
        s.type = type();
        const Token role = peek();
        word("parameter, statistic, slot or copy");
        bool known = false;
        for (const StateRole r :
             {StateRole::kParameter, StateRole::kStatistic, StateRole::kSlot, StateRole::kCopy})
            if (role.text == state_role_name(r)) {
                s.role = r;
                known = true;
            }
        if (!known)
            stop(role,
                 fmt::format("`{}` is no role: parameter, statistic, slot or copy", role.text));
        expect('=');
        if (s.role == StateRole::kCopy) {
            s.source = state_named(next());
        } else {
            s.initializer.kind = word("an initializer");
            attributes(s.initializer, s.initializer.kind);
        }
        s.location = location();
        states_[s.name] = static_cast<StateId>(module_.states.size());
        module_.states.push_back(std::move(s));
    }

    // ---- functions ----

    void function() {
        const Token name = next();
        if (name.kind != Token::Kind::kState || name.text.empty())
            stop(name, fmt::format("expected a function's name such as @step, got {}", seen(name)));
        if (module_.find_function(name.text) != nullptr)
            stop(name, fmt::format("function `@{}` is defined twice", name.text));
        module_.functions.emplace_back();
        function_ = &module_.functions.back();
        function_->name = name.text;
        values_.clear();
        expect('(');
        while (!at(')')) {
            input();
            if (!accept(',')) break;
        }
        expect(')');
        if (at_word("arena")) {
            next();
            function_->arena_bytes = integer();
            expect_word("unplanned");
            function_->unplanned_bytes = integer();
        }
        expect('{');
        while (peek().kind == Token::Kind::kValue) function_->operations.push_back(operation());
        while (!at('}')) ending();
        expect('}');
    }

    void input() {
        const Token name = next();
        if (name.kind != Token::Kind::kValue)
            stop(name, fmt::format("expected an input such as %x, got {}", seen(name)));
        expect(':');
        const Type t = type();
        const ValueId id = define(name, t);
        placement(id);
        expect('=');
        function_->inputs.push_back({id, word("where the input comes from")});
    }

    void ending() {
        const Token t = peek();
        const std::string keyword = word("an op, `update`, `result` or `}`");
        if (keyword == "update") {
            const StateId id = state_named(next());
            expect('=');
            function_->updates.push_back({id, operand(next())});
        } else if (keyword == "result") {
            const std::string name = word("a result's name");
            expect('=');
            function_->results.push_back({name, operand(next())});
        } else {
            stop(t, fmt::format("`{}` starts nothing here", keyword),
                 "a function has ops, then update and result lines");
        }
    }

    ValueId define(const Token& name, Type t) {
        if (name.text.empty()) stop(name, "a value needs a name after %");
        if (values_.count(name.text) != 0)
            stop(name, fmt::format("`%{}` is defined twice", name.text));
        const ValueId id = function_->add_value(name.text, std::move(t));
        values_[name.text] = id;
        return id;
    }

    StateId state_named(const Token& t) {
        const auto found = states_.find(t.text);
        if (t.kind != Token::Kind::kState || found == states_.end())
            stop(t, fmt::format("no state {} is declared", seen(t)));
        return found->second;
    }

    ValueId operand(const Token& t) {
        if (t.kind == Token::Kind::kState) return function_->state_value(state_named(t), module_);
        const auto found = values_.find(t.text);
        if (t.kind != Token::Kind::kValue || found == values_.end())
            stop(t, fmt::format("`%{}` is not defined before here", t.text));
        return found->second;
    }

    void placement(ValueId id) {
        if (at_comment() || !at_word("at")) return;
        next();
        if (peek().kind == Token::Kind::kState)
            function_->values[id].home = state_named(next());
        else
            function_->values[id].arena_offset = integer();
    }

    Operation operation() {
        std::vector<Token> results;
        do results.push_back(next());
        while (accept(','));
        expect('=');
        const Token name = peek();
        Operation op;
        op.op = op_named(name);
        next();
        while (peek().kind == Token::Kind::kValue || peek().kind == Token::Kind::kState) {
            op.operands.push_back(operand(next()));
            if (!accept(',')) break;
        }
        // `fused` without attributes would take its body for them; it always prints its space.
        std::visit([&](auto& o) { attributes(o, name.text); }, op.op);
        if (op.as<Fused>() != nullptr) {
            fused_body(op, results);
            return op;
        }
        expect(':');
        std::vector<Type> types;
        for (const Token& result : results) {
            if (!types.empty()) expect(',');
            if (result.kind != Token::Kind::kValue)
                stop(result, fmt::format("expected a value, got {}", seen(result)));
            types.push_back(type());
            op.results.push_back(define(result, types.back()));
            placement(op.results.back());
        }
        op.location = location();
        check_types(op, types, name);
        return op;
    }

    void fused_body(Operation& op, const std::vector<Token>& results) {
        expect('{');
        op.location = location();
        while (peek().kind == Token::Kind::kValue) op.body.push_back(operation());
        expect('}');
        for (const Token& result : results) op.results.push_back(operand(result));
    }

    void check_types(const Operation& op, const std::vector<Type>& types, const Token& name) {
        if (op.as<Gradient>() != nullptr) return;
        if (types.size() != 1) stop(name, fmt::format("`{}` has one result", name.text));
        InferContext context;
        for (ValueId id : op.operands) context.operands.push_back(function_->type(id));
        context.declared = &types[0];
        const Type inferred = infer_type(op.op, context);
        if (!context.error.empty()) stop(name, context.error);
        if (inferred != types[0])
            stop(name, fmt::format("`{}` gives {}, but {} is written", name.text,
                                   to_string(inferred), to_string(types[0])));
    }

    OpVariant op_named(const Token& t) {
        static const std::unordered_map<std::string, OpVariant> kOps = {
#define GMC_OP(Name) {std::string(Name::kInfo.name), Name{}},
#include "compiler/ir/op_kind.def"
#undef GMC_OP
        };
        const auto found = t.kind == Token::Kind::kWord ? kOps.find(t.text) : kOps.end();
        if (found != kOps.end()) return found->second;
        std::vector<std::string> names;
        for (const auto& [name, op] : kOps) names.push_back(name);
        std::sort(names.begin(), names.end());
        const std::string near = nearest_name(t.text, names);
        stop(t, fmt::format("{} is no op", seen(t)),
             near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    }

    uint32_t file_;
    Diagnostics& diagnostics_;
    Lexer lexer_;
    Module module_;
    Function* function_ = nullptr;
    std::unordered_map<std::string, StateId> states_;
    std::unordered_map<std::string, ValueId> values_;  ///< of the function at hand
};

}  // namespace

Result<Module> parse_module(const std::string& path, std::string text, Diagnostics& diagnostics) {
    const uint32_t file = diagnostics.sources().add(path, std::move(text));
    try {
        return Parser(file, diagnostics).parse();
    } catch (const ParseStop&) {
        return Failure{};
    }
}

}  // namespace gmc::ir
