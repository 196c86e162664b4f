// Parses the lines of the contract: data, test, train, run, schedule, compile, origin. Most are a
// keyword and attributes, which are read by the struct's field list; `data` and `schedule` have a
// syntax of their own and a function here.
#include "compiler/ir/text/contract_parser.h"

namespace gmc::ir {
namespace {

/// data @image : f32[28,28,1] = idx "train-images.gz" {count=1000}
DataField data_field(TokenReader& tokens, const std::vector<DataField>& before) {
    DataField field;
    const Token name = tokens.next();
    if (name.kind != Token::Kind::kState || name.text.empty())
        tokens.stop(name, fmt::format("expected a field's name such as @image, got {}",
                                      TokenReader::seen(name)));
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

/// schedule @step_critic*5 @step_generator
void schedule(TokenReader& tokens, const Token& keyword, Module& module) {
    if (!module.schedule.empty()) tokens.stop(keyword, "the schedule is given twice");
    while (tokens.peek().kind == Token::Kind::kState) {
        ScheduleEntry entry;
        entry.function = tokens.next().text;
        if (tokens.accept('*')) entry.repeat = tokens.integer();
        module.schedule.push_back(std::move(entry));
    }
    if (module.schedule.empty())
        tokens.stop(tokens.peek(), fmt::format("expected a function such as @step, got {}",
                                               TokenReader::seen(tokens.peek())));
}

}  // namespace

bool parse_contract_line(TokenReader& tokens, const Token& keyword, Module& module) {
    const std::string& word = keyword.text;
    if (word == "description") {
        module.description = tokens.string();
    } else if (word == "data") {
        module.data.push_back(data_field(tokens, module.data));
    } else if (word == "test") {
        module.test.push_back(data_field(tokens, module.test));
    } else if (word == "train") {
        if (module.training) tokens.stop(keyword, "`train` is given twice");
        tokens.attributes(module.training.emplace(), word);
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
