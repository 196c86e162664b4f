// Writes the table of the language as JSON Schema. Wherever a number, flag or word may stand,
// "${name}" is allowed too.
#include <cmath>

#include "compiler/support/json.h"
#include "dsl/schema/schema.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

Json reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }
Json any_of(std::vector<Json> choices) {
    if (choices.size() == 1) return choices[0];
    return {{"anyOf", std::move(choices)}};
}
Json or_variable(Json schema) { return any_of({std::move(schema), reference("variable")}); }

/// The schema of a number within a range.
Json numeric(const char* type, const Range& range) {
    Json out = {{"type", type}};
    if (range.low == range.high) return out;
    if (std::isfinite(range.low)) out[range.open_low ? "exclusiveMinimum" : "minimum"] = range.low;
    if (std::isfinite(range.high))
        out[range.open_high ? "exclusiveMaximum" : "maximum"] = range.high;
    return out;
}

/// Reads the grammar of KeyRow::holds.
Json schema_of(std::string_view holds) {
    std::vector<Json> choices;
    for (const std::string& part : split_alternatives(holds)) {
        const std::string inner = part.size() > 2 ? part.substr(1, part.size() - 2) : "";
        if (part[0] == '{')
            choices.push_back({{"type", "object"}, {"additionalProperties", schema_of(inner)}});
        else if (part[0] == '[')
            choices.push_back({{"type", "array"}, {"items", schema_of(inner)}});
        else if (part == "any")
            choices.push_back(Json::object());
        else
            choices.push_back(reference(part));
    }
    return any_of(std::move(choices));
}

/// The default with its JSON type.
Json typed_default(const KeyRow& row) {
    if (row.type == KeyType::kInteger || row.type == KeyType::kPerAxis)
        return parse_integer(row.fallback).value();
    if (row.type == KeyType::kFlag) return parse_flag(row.fallback).value();
    if (const auto number = parse_number(row.fallback)) return *number;
    return row.fallback;
}

/// The schema of the values of one key.
Json value_schema(const KeyRow& row) {
    switch (row.type) {
        case KeyType::kInteger:
            return or_variable(numeric("integer", row.range));
        case KeyType::kNumber:
            return or_variable(numeric("number", row.range));
        case KeyType::kFlag:
            return or_variable({{"type", "boolean"}});
        case KeyType::kInitializer:
            return any_of(
                {{{"enum", split_words(row.words)}}, {{"type", "object"}}, reference("variable")});
        case KeyType::kWord: {
            Json words = Json::array();  // YAML reads the word 1 as a number
            for (const std::string& word : split_words(row.words)) {
                words.push_back(word);
                if (const auto number = parse_integer(word)) words.push_back(*number);
            }
            return or_variable({{"enum", words}});
        }
        case KeyType::kText:
            return {{"type", "string"}};
        case KeyType::kName:
            return reference("name");
        case KeyType::kNames:
            return schema_of("name|[name]");
        case KeyType::kShape:
            return reference("shape");
        case KeyType::kPerAxis: {
            const Json one = or_variable(numeric("integer", row.range));
            const int fewest = row.axes == kAnyAxes ? 1 : row.axes;
            const int most = row.axes == kAnyAxes ? kMostSpatialAxes : row.axes;
            return any_of(
                {one,
                 {{"type", "array"}, {"items", one}, {"minItems", fewest}, {"maxItems", most}}});
        }
        case KeyType::kAxes:
            return or_variable({{"type", "array"}, {"items", numeric("integer", row.range)}});
        case KeyType::kExpression:
            return reference("expression");
        case KeyType::kStructure:
            break;
    }
    return schema_of(row.holds);
}

/// The schema of a map with the rows' keys. With `open`, required keys may be missing, since
/// `extends` or a recipe may give them.
Json object_schema(const std::vector<KeyRow>& rows, const std::string& doc, bool open) {
    Json out = {{"description", doc}, {"type", "object"}, {"properties", Json::object()}};
    Json required = Json::array();
    for (const KeyRow& row : rows) {
        Json value = value_schema(row);
        value["description"] = row.doc;
        if (row.has_default() && *row.fallback) value["default"] = typed_default(row);
        out["properties"][row.key] = std::move(value);
        // A model that extends another may leave out anything.
        if (row.required() && !open) required.push_back(row.key);
    }
    if (required.size() > 0) out["required"] = required;
    // A recipe adds its parameters and roles to the keys of an objective.
    out["additionalProperties"] = open && out["properties"].contains("recipe");
    return out;
}

/// The schema of a layer: a word, or a map of one key.
Json layer_schema() {
    Json properties = Json::object();
    Json words = Json::array();
    for (const LayerRow& layer : layer_table()) {
        Json keys = object_schema(layer.keys, layer.doc, false);
        if (const KeyRow* main = find_key(layer.keys, layer.main_key))
            keys = any_of({std::move(keys), value_schema(*main)});
        properties[layer.kind] = std::move(keys);
        words.push_back(layer.kind);
    }
    // Uses of blocks look like layers, but only the model knows their names; so any word is
    // allowed.
    return any_of({{{"type", "string"}, {"examples", words}},
                   {{"type", "object"},
                    {"properties", properties},
                    {"minProperties", 1},
                    {"maxProperties", 1}}});
}

}  // namespace

/// One definition per mapping under `$defs`, to which KeyRow::holds refers by name, so that the
/// schema is as recursive as the language.
std::string json_schema() {
    Json root = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "gmc model"}};
    root["$ref"] = "#/$defs/model";
    Json& definitions = root["$defs"];
    definitions["variable"] = {{"type", "string"},
                               {"pattern", "^\\$\\{[A-Za-z_][A-Za-z_0-9]*\\}$"}};
    definitions["name"] = {{"type", "string"}};
    definitions["number"] = or_variable({{"type", "number"}});
    definitions["shape"] =
        or_variable({{"type", "array"},
                     {"items", or_variable({{"type", "integer"}, {"minimum", 1}})},
                     {"minItems", 1}});
    definitions["expression"] =
        any_of({{{"type", "number"}}, {{"type", "string"}}, reference("schedule")});
    definitions["metric"] = any_of({reference("expression"), {{"type", "null"}}});
    definitions["data"] = {{"type", "object"},
                           {"properties", {{"test", schema_of("{data field}")}}},
                           {"additionalProperties", reference("data field")}};
    definitions["layer"] = layer_schema();
    for (const MappingRow& mapping : mapping_table()) {
        const std::string name = mapping.name;
        if (name.rfind("recipe", 0) == 0) continue;  // recipes are files of their own
        definitions[name] =
            object_schema(mapping.keys, mapping.doc, name == "model" || name == "objective");
    }
    return root.dump(2) + "\n";
}

}  // namespace gmc::dsl
