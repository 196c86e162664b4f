// Parses the lines of the contract. `train`, `rate_end`, `run`, `compile` and `origin` are a
// keyword and attributes, which are read by the struct's field list; `data` and `test`, `network`,
// `layer` and `schedule` have a syntax of their own and a function here.
#include "compiler/ir/text/contract_parser.h"

namespace gmc::ir {
namespace {

/// A name behind `@`.
Token name_of(TokenReader& tokens, const char* what) {
    Token name = tokens.next();
    if (name.kind != Token::Kind::kState || name.text.empty())
        tokens.stop(name, fmt::format("expected {}, got {}", what, TokenReader::seen(name)));
    return name;
}

/// data @image : f32[28,28,1] = idx "train-images.gz" {count=1000}
DataField data_field(TokenReader& tokens, const std::vector<DataField>& before) {
    DataField field;
    const Token name = name_of(tokens, "a field's name such as @image");
    if (find_field(before, name.text) != nullptr)
        tokens.stop(name, fmt::format("the field `@{}` is declared twice", name.text));
    field.name = name.text;
    tokens.expect(':');
    const Token type_token = tokens.peek();
    const Type type = tokens.type();
    if (type.dtype != DType::kF32)
        tokens.stop(type_token, fmt::format("an example is f32, not {}", to_string(type)));
    field.shape = type.shape;
    tokens.expect('=');
    field.format = tokens.word("a format of data such as idx");
    field.source = tokens.string();
    tokens.attributes(field, "data");
    return field;
}

/// layer @encoder.conv2d : f32[14,14,16] = conv2d
Layer layer(TokenReader& tokens) {
    Layer out;
    const Token name = tokens.next();
    if (name.kind != Token::Kind::kState || name.text.find('.') == std::string::npos)
        tokens.stop(name, fmt::format("expected a layer's name such as @encoder.dense, got {}",
                                      TokenReader::seen(name)));
    out.name = name.text;
    tokens.expect(':');
    out.shape = tokens.type().shape;
    tokens.expect('=');
    out.kind = tokens.word("a kind of layer such as dense");
    return out;
}

/// network @features {frozen=true}
Network network(TokenReader& tokens, const std::vector<Network>& before) {
    Network out;
    const Token name = name_of(tokens, "a network's name such as @generator");
    for (const Network& other : before)
        if (other.name == name.text)
            tokens.stop(name, fmt::format("the network `@{}` is declared twice", name.text));
    out.name = name.text;
    tokens.attributes(out, "network");
    return out;
}

/// More than functions of any model; each stands in the schedule once.
constexpr size_t kMostScheduled = 4096;

/// schedule @step_critic*5 @step_generator_every_16/16 @step_generator
void schedule(TokenReader& tokens, const Token& keyword, Module& module) {
    if (!module.schedule.empty()) tokens.stop(keyword, "the schedule is given twice");
    while (tokens.peek().kind == Token::Kind::kState) {
        if (module.schedule.size() == kMostScheduled)
            tokens.stop(tokens.peek(),
                        fmt::format("a schedule has at most {} functions", kMostScheduled));
        ScheduleEntry entry;
        entry.function = tokens.next().text;
        if (tokens.accept('*')) entry.repeat = tokens.integer();
        if (tokens.accept('/')) entry.every = tokens.integer();
        module.schedule.push_back(std::move(entry));
    }
    if (module.schedule.empty())
        tokens.stop(tokens.peek(), fmt::format("expected a function such as @step, got {}",
                                               TokenReader::seen(tokens.peek())));
}

}  // namespace

bool parse_contract_line(TokenReader& tokens, const Token& keyword, Module& module) {
    const std::string& word = keyword.text;
    const bool twice = (word == "description" && !module.description.empty()) ||
                       (word == "train" && module.training) ||
                       (word == "run" && module.run != RunPolicy{}) ||
                       (word == "origin" && module.origin != Origin{}) ||
                       (word == "compile" && module.compilation != Compilation{});
    if (twice) tokens.stop(keyword, fmt::format("`{}` is given twice", word));
    if (word == "description") {
        module.description = tokens.string();
    } else if (word == "data") {
        module.data.push_back(data_field(tokens, module.data));
    } else if (word == "test") {
        module.test.push_back(data_field(tokens, module.test));
    } else if (word == "network") {
        module.networks.push_back(network(tokens, module.networks));
    } else if (word == "train") {
        tokens.attributes(module.training.emplace(), word);
    } else if (word == "rate_end") {
        tokens.attributes(module.rate_ends.emplace_back(), word);
    } else if (word == "bound") {
        tokens.attributes(module.bounds.emplace_back(), word);
    } else if (word == "figure_fields") {
        tokens.attributes(module.figure_fields.emplace_back(), word);
    } else if (word == "result_like") {
        tokens.attributes(module.results_like.emplace_back(), word);
    } else if (word == "layer") {
        module.layers.push_back(layer(tokens));
    } else if (word == "schedule") {
        schedule(tokens, keyword, module);
    } else if (word == "run") {
        tokens.attributes(module.run, word);
    } else if (word == "origin") {
        tokens.attributes(module.origin, word);
    } else if (word == "compile") {
        tokens.attributes(module.compilation, word);
    } else {
        return false;
    }
    return true;
}

}  // namespace gmc::ir
