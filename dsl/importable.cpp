// Reads the texts of `blocks` and `define`, without checking what stands in them.
#include "dsl/importable.h"

#include <fmt/ranges.h>

#include "dsl/text/document.h"

namespace gmc::dsl {
namespace {

/// "8", "[1, 2]".
std::string value_text(const Node& value) {
    if (value.is_scalar()) return value.text;
    std::vector<std::string> items;
    for (const NodePtr& item : value.items) items.push_back(value_text(*item));
    return fmt::format("[{}]", fmt::join(items, ", "));
}

/// What a key of a map holds; null where it is missing.
const Node* member(const Node& map, const char* key) {
    const Entry* entry = map.is_map() ? map.find(key) : nullptr;
    return entry && !entry->value->is_null() ? entry->value.get() : nullptr;
}

std::string text_of(const Node& map, const char* key) {
    const Node* value = member(map, key);
    return value ? value->text : "";
}

ImportableLayer layer_of(const Entry& block) {
    ImportableLayer layer{block.key, "", text_of(*block.value, "description"), {}};
    std::vector<std::string> parts;
    if (const Node* parameters = member(*block.value, "parameters"))
        for (const Entry& parameter : parameters->entries)
            parts.push_back(parameter.value->is_null()
                                ? parameter.key
                                : parameter.key + ": " + value_text(*parameter.value));
    if (const Node* inputs = member(*block.value, "inputs"))
        parts.push_back("from: " + value_text(*inputs));
    if (!parts.empty()) layer.parameters = fmt::format("{{{}}}", fmt::join(parts, ", "));
    if (const Node* conditions = member(*block.value, "requires"))
        for (const NodePtr& condition : conditions->items)
            layer.conditions.push_back(text_of(*condition, "message"));
    return layer;
}

}  // namespace

Result<ImportableFile> read_importable(const std::string& path, Diagnostics& diagnostics) {
    const Result<NodePtr> document = read_document(path, diagnostics);
    if (!document) return Failure{};
    ImportableFile file;
    file.description = text_of(**document, "description");
    if (const Node* blocks = member(**document, "blocks"))
        for (const Entry& block : blocks->entries) file.layers.push_back(layer_of(block));
    if (const Node* functions = member(**document, "define"))
        for (const Entry& function : functions->entries) file.functions.push_back(function.key);
    return file;
}

}  // namespace gmc::dsl
