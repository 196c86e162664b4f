// THE table of the language: every mapping, every layer kind, every key with its type, default,
// range and one line of documentation. The reader, the unknown-key errors, the defaults,
// REFERENCE.md and the JSON Schema all come from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// What a key's value may be.
enum class KeyType {
    kInteger,
    kNumber,
    kFlag,         ///< true or false
    kWord,         ///< one of a set
    kText,         ///< any text on one line
    kName,         ///< a letter or _ and then letters, digits, _
    kNames,        ///< one name or a list of them
    kShape,        ///< a list of sizes without the batch, channels last: [28, 28, 1]
    kPair,         ///< one integer for both directions or a list of two: 5 or [5, 3]
    kAxes,         ///< a list of axes of an example: [2, 0, 1]
    kExpression,   ///< a number, an expression or a schedule
    kInitializer,  ///< a word of the set, or `normal: {stddev: 0.02}`
    kStructure,    ///< a map or list that has rows or rules of its own
};

/// Limits of a number, or of each number of a shape or pair.
struct Range {
    double low = 0;
    double high = 0;
    bool open_low = false;   ///< `low` itself is outside
    bool open_high = false;  ///< `high` itself is outside

    bool holds(double value) const {
        return (open_low ? value > low : value >= low) &&
               (open_high ? value < high : value <= high);
    }
};

struct KeyRow {
    const char* key;
    KeyType type;
    /// The default as a user would write it; kRequired: must be given; kOptional: may be left out,
    /// and then is not there.
    const char* fallback;
    const char* doc;
    Range range = {};
    const char* words = "";  ///< kWord, kInitializer: "same|valid"
    /// Keys of one group exclude each other (`idx` or `synthetic`): a model that extends another,
    /// or --set, replaces the one by giving the other.
    const char* group = "";
    /// kStructure: what it is made of, for the reference and the JSON Schema. `{x}` a map of x,
    /// `[x]` a list of x, `x|y` either; x is a mapping, or one of: any, data, expression, layer,
    /// metric, name, number, shape.
    const char* holds = "any";

    bool required() const;
    bool has_default() const;
};

extern const char* const kRequired;
extern const char* const kOptional;

/// A mapping of the language that is not a layer.
struct MappingRow {
    const char* name;  ///< for messages and headings: "network"
    std::vector<KeyRow> keys;
    const char* doc;
};

/// A layer kind.
struct LayerRow {
    const char* kind;
    const char* main_key;  ///< the key that `kind: value` means; "" when there is none
    std::vector<KeyRow> keys;
    const char* doc;
    int fewest_inputs = 1, most_inputs = 1;  ///< names of `from`; kManyInputs: no limit
    /// What it computes besides its result, "nearest|index": with the name `q` of the layer, `from:
    /// q.nearest` takes it.
    const char* results = "";
};
constexpr int kManyInputs = 1000;

/// All layer kinds, in the order of the reference. dsl/lower checks that each has a builder.
const std::vector<LayerRow>& layer_table();
/// All mappings, in the order of the reference.
const std::vector<MappingRow>& mapping_table();

/// The row of a layer kind; null when there is none.
const LayerRow* find_layer(std::string_view kind);
/// The row of a mapping that has one; a bug of gmc otherwise.
const MappingRow& mapping(std::string_view name);
const KeyRow* find_key(std::span<const KeyRow> rows, std::string_view key);

/// "a|b|c" -> {"a", "b", "c"}.
std::vector<std::string> split_words(std::string_view words);
/// The alternatives of KeyRow::holds: "{a|b}|c" -> {"{a|b}", "c"}.
std::vector<std::string> split_alternatives(std::string_view holds);
/// "`a`, `b` and `c`".
std::string quoted_list(const std::vector<std::string>& names, std::string_view last = "and");
std::vector<std::string> key_names(std::span<const KeyRow> rows);
/// "from 1 to 1,000,000", "at least 0 and below 1", "above 0".
std::string describe(const Range& range);
/// "an integer from 1 to 1,000", "`same` or `valid`".
std::string describe(const KeyRow& row);

/// All of it as a Markdown page: the mappings, the layers, the functions. It is dsl/REFERENCE.md.
std::string language_reference();
/// All of it as JSON Schema (draft 2020-12), for editors: completion and errors while typing.
std::string json_schema();

/// The keys exclusive with `key` in any mapping: {"synthetic"} for "idx".
std::vector<std::string> exclusive_keys(std::string_view key);

}  // namespace gmc::dsl
