// A recursive-descent parser over the tokens: one function per construct, each of which reads from
// its first token to its last. Attributes are read generically by field lists, and types are
// checked against the shape rules as soon as an operation is read, so that an error points at its
// line.
#include "compiler/ir/text/parser.h"

#include <charconv>
#include <map>
#include <unordered_map>

#include "compiler/ir/infer.h"
#include "compiler/ir/text/contract_parser.h"
#include "compiler/ir/text/token_reader.h"
#include "compiler/support/edit_distance.h"

namespace gmc::ir {
namespace {

/// Far more than any model has. The lists are bounded because later code searches some of them from
/// end to end, or needs memory for each entry.
constexpr size_t kMostFiles = 1024, kMostFunctions = 1024, kMostStates = size_t{1} << 16,
                 kMostValues = size_t{1} << 20;

/// Parses one module. The first error ends the parse: TokenReader::stop() reports it and throws
/// ParseStop, which parse_module catches.
class Parser : TokenReader {
  public:
    using TokenReader::TokenReader;

    Module parse() {
        expect_word("gmc");
        const Token version = peek();
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
    /// Reads the comment `// path:line:column` after an op or a state, when there is one. The two
    /// colons are looked for from the end, since a path may have colons. A comment that is no known
    /// place is skipped, as comments are.
    Location location() {
        if (!at_comment()) return {};
        const std::string text = comment().text;
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

    // ---- module items ----

    void item() {
        const Token keyword = peek();
        word("`file`, `state`, `func` or another line of a module");
        if (keyword.text == "file")
            file();
        else if (keyword.text == "state")
            state();
        else if (keyword.text == "func" || keyword.text == "body")
            function(keyword.text == "body");
        else if (!parse_contract_line(*this, keyword, module_))
            stop(keyword, fmt::format("`{}` starts nothing here", keyword.text),
                 "lines of a module begin with file, description, data, test, network, train, run, "
                 "schedule, compile, origin, layer, state, body or func");
    }

    void file() {
        const Token path = peek();
        bound(path, module_.files.size(), kMostFiles, "files");
        module_.files.push_back(string());
    }

    /// Lists that later code searches from end to end are bounded, so that no file takes hours to
    /// check.
    void bound(const Token& at, size_t count, size_t most, std::string_view what) {
        if (count >= most) stop(at, fmt::format("there are more than {} {}", most, what));
    }

    void state() {
        State s;
        const Token name = next();
        if (name.kind != Token::Kind::kState)
            stop(name, fmt::format("expected a state such as @w, got {}", seen(name)));
        bound(name, module_.states.size(), kMostStates, "states");
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

    void function(bool is_body) {
        const Token name = next();
        if (name.kind != Token::Kind::kState || name.text.empty())
            stop(name, fmt::format("expected a function's name such as @step, got {}", seen(name)));
        if (module_.find_function(name.text) != nullptr)
            stop(name, fmt::format("function `@{}` is defined twice", name.text));
        bound(name, module_.functions.size(), kMostFunctions, "functions");
        module_.functions.emplace_back();
        function_ = &module_.functions.back();
        function_->name = name.text;
        function_->is_body = is_body;
        values_.clear();
        expect('(');
        while (!at(')')) {
            input();
            if (!accept(',')) break;
        }
        expect(')');
        if (at_word("arena")) {
            next();
            function_->arena_bytes = size_of_arena();
            expect_word("unplanned");
            function_->unplanned_bytes = integer();
        }
        expect('{');
        while (peek().kind == Token::Kind::kValue) function_->operations.push_back(operation());
        while (!at('}')) ending();
        expect('}');
    }

    int64_t size_of_arena() {
        const Token t = peek();
        const int64_t bytes = integer();
        if (bytes < 0) stop(t, fmt::format("an arena has no {} bytes", bytes));
        return bytes;
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
        const Token source = peek();
        const auto known = input_source(word("where the input comes from"));
        if (!known)
            stop(source, fmt::format("`{}` is nowhere that an input comes from", source.text),
                 "inputs come from data.FIELD, normal, uniform, valid, total.RESULT, "
                 "largest.RESULT or argument; in a body, they are carried, element or captured");
        function_->inputs.push_back({id, *known});
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
            if (at_word("in")) {
                next();
                function_->results.back().unit = string();
            }
            if (at_word("whole")) {
                next();
                function_->results.back().whole = true;
            }
        } else {
            stop(t, fmt::format("`{}` starts nothing here", keyword),
                 "a function has ops, then update and result lines");
        }
    }

    ValueId define(const Token& name, Type t) {
        if (name.text.empty()) stop(name, "a value needs a name after %");
        bound(name, values_.size(), kMostValues, "values in a function");
        if (values_.count(name.text) != 0)
            stop(name, fmt::format("`%{}` is defined twice", name.text));
        const ValueId id = function_->add_value(name.text, std::move(t));
        values_[name.text] = id;
        return id;
    }

    StateId state_named(const Token& t) {
        const auto found = t.kind == Token::Kind::kState ? states_.find(t.text) : states_.end();
        if (found == states_.end()) stop(t, fmt::format("no state {} is declared", seen(t)));
        return found->second;
    }

    ValueId operand(const Token& t) {
        if (t.kind == Token::Kind::kState) return function_->state_value(state_named(t), module_);
        const auto found = values_.find(t.text);
        if (t.kind != Token::Kind::kValue || found == values_.end())
            stop(t, fmt::format("`%{}` is not defined before here", t.text));
        return found->second;
    }

    /// Reads `at 1024` or `at @state`, when it is there.
    void placement(ValueId id) {
        if (at_comment() || !at_word("at")) return;
        next();
        if (peek().kind == Token::Kind::kState)
            function_->values[id].home = state_named(next());
        else
            function_->values[id].arena_offset = integer();
    }

    /// `%a, %b = op %x, %y {attributes} : type at place, type at place  // location`. Results are
    /// defined after the operands are read, so an op cannot read itself.
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
        if (op.as<Fused>() != nullptr && in_fused_) stop(name, "`fused` cannot be in a fused body");
        // `fused` without attributes would take its body for them; it always prints its space.
        attributes(op.op, name.text);
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
        in_fused_ = true;  // one deep: the parser calls itself no further
        while (peek().kind == Token::Kind::kValue) op.body.push_back(operation());
        in_fused_ = false;
        expect('}');
        for (const Token& result : results) op.results.push_back(operand(result));
    }

    /// Compares the written type with the one that follows from the operands. Ops of several
    /// results are left to the verifier, which compares a scan with its body.
    void check_types(const Operation& op, const std::vector<Type>& types, const Token& name) {
        if (op.as<Gradient>() != nullptr || op.as<Scan>() != nullptr ||
            op.as<AttentionGradient>() != nullptr)
            return;
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
        static const std::map<std::string_view, const OpVariant*> kOps = [] {
            std::map<std::string_view, const OpVariant*> ops;
            for (const OpVariant& op : all_ops()) ops[op_info(op).name] = &op;
            return ops;
        }();
        const auto found = t.kind == Token::Kind::kWord ? kOps.find(t.text) : kOps.end();
        if (found != kOps.end()) return *found->second;
        std::vector<std::string> names;
        for (const auto& [name, op] : kOps) names.emplace_back(name);
        const std::string near = nearest_name(t.text, names);
        stop(t, fmt::format("{} is no op", seen(t)),
             near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    }

    Module module_;
    Function* function_ = nullptr;
    std::unordered_map<std::string, StateId> states_;
    std::unordered_map<std::string, ValueId> values_;  ///< of the function at hand
    bool in_fused_ = false;
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

bool fits_in_text(const Module& module, Diagnostics& diagnostics) {
    const auto fits = [&](size_t count, size_t most, const char* what) {
        if (count > most)
            diagnostics.error(DiagnosticKind::kTooLarge, {},
                              "the compiled model has {} {}; `gmrun` reads at most {}", count, what,
                              most);
        return count <= most;
    };
    bool all = fits(module.files.size(), kMostFiles, "files") &&
               fits(module.states.size(), kMostStates, "states") &&
               fits(module.functions.size(), kMostFunctions,
                    "functions, a loop and its gradient being one each");
    for (const Function& function : module.functions)
        all = all && fits(function.values.size(), kMostValues, "values in a function");
    return all;
}

}  // namespace gmc::ir
