// The words of the contract: formats of data, sources of inputs, actions after divergence. Each
// list stands here once, for printer, parser, verifier and runtime.
#include "compiler/ir/contract.h"

#include <algorithm>

namespace gmc::ir {
namespace {

constexpr std::string_view kFormats[] = {"idx", "npy", "npz",       "folder",
                                         "csv", "wav", "synthetic", "labels"};

/// A kind of source and how the text of the IR writes it.
struct SourceWord {
    InputSource::Kind kind;
    std::string_view word;  ///< with a dot: a name follows
};
constexpr SourceWord kSourceWords[] = {
    {InputSource::Kind::kData, "data."},       {InputSource::Kind::kNormal, "normal"},
    {InputSource::Kind::kUniform, "uniform"},  {InputSource::Kind::kValid, "valid"},
    {InputSource::Kind::kTotal, "total."},     {InputSource::Kind::kLargest, "largest."},
    {InputSource::Kind::kLogSum, "logsum."},   {InputSource::Kind::kArgument, "argument"},
    {InputSource::Kind::kCarried, "carried"},  {InputSource::Kind::kElement, "element"},
    {InputSource::Kind::kCaptured, "captured"}};

}  // namespace

std::string to_string(const InputSource& source) {
    for (const SourceWord& known : kSourceWords)
        if (known.kind == source.kind) return std::string(known.word) + source.field;
    return "argument";
}

/// A word that ends in a dot needs a name behind it, any other must stand alone.
std::optional<InputSource> input_source(std::string_view text) {
    for (const SourceWord& known : kSourceWords) {
        if (known.word == text && !known.word.ends_with('.')) return InputSource{known.kind, ""};
        if (known.word.ends_with('.') && text.starts_with(known.word) && text != known.word)
            return InputSource{known.kind, std::string(text.substr(known.word.size()))};
    }
    return std::nullopt;
}

std::span<const std::string_view> divergence_actions() {
    static constexpr std::string_view kActions[] = {"stop", "rollback", "lower_rate"};
    return kActions;
}

std::span<const std::string_view> data_formats() { return kFormats; }

bool is_frozen(const std::vector<Network>& networks, std::string_view name) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& n) { return n.frozen && n.name == name; });
}

std::vector<const ScheduleEntry*> entries_of_step(const std::vector<ScheduleEntry>& schedule,
                                                  int64_t step) {
    std::vector<const ScheduleEntry*> out;
    bool replaced = false;  // an entry before this one stands in for it
    for (const ScheduleEntry& entry : schedule) {
        if (!replaced && step % entry.every == 0) {
            out.push_back(&entry);
            replaced = true;
        }
        if (entry.every == 1) replaced = false;
    }
    return out;
}

const DataField* find_field(const std::vector<DataField>& fields, std::string_view name) {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const DataField& field) { return field.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

}  // namespace gmc::ir
