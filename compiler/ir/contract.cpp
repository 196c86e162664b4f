// The words of the contract.
#include "compiler/ir/contract.h"

#include <algorithm>

namespace gmc::ir {
namespace {

constexpr std::string_view kDataPrefix = "data.";
constexpr std::string_view kFormats[] = {"idx", "npy", "npz",       "folder",
                                         "csv", "wav", "synthetic", "labels"};

struct SourceWord {
    InputSource::Kind kind;
    std::string_view word;
};
constexpr SourceWord kSourceWords[] = {{InputSource::Kind::kNormal, "normal"},
                                       {InputSource::Kind::kUniform, "uniform"},
                                       {InputSource::Kind::kValid, "valid"},
                                       {InputSource::Kind::kArgument, "argument"}};

}  // namespace

std::string to_string(const InputSource& source) {
    for (const SourceWord& known : kSourceWords)
        if (known.kind == source.kind) return std::string(known.word);
    return std::string(kDataPrefix) + source.field;
}

std::optional<InputSource> input_source(std::string_view text) {
    if (text.starts_with(kDataPrefix) && text.size() > kDataPrefix.size())
        return InputSource::data(std::string(text.substr(kDataPrefix.size())));
    for (const SourceWord& known : kSourceWords)
        if (known.word == text) return InputSource{known.kind, ""};
    return std::nullopt;
}

std::span<const std::string_view> divergence_actions() {
    static constexpr std::string_view kActions[] = {"stop", "rollback", "lower_rate"};
    return kActions;
}

std::span<const std::string_view> data_formats() { return kFormats; }

const DataField* find_field(const std::vector<DataField>& fields, std::string_view name) {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const DataField& field) { return field.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

}  // namespace gmc::ir
