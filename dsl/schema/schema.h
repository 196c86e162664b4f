// THE table of the language: every mapping, kind of layer and key, with its type, default, range
// and one line of documentation. Readers, errors for unknown keys, defaults, REFERENCE.md and the
// JSON Schema all come from it, so that they cannot disagree.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// The type of a key's value.
enum class KeyType {
    kInteger,
    kNumber,
    kFlag,  ///< true or false
    /// One of the words of the row.
    kWord,
    kText,  ///< any text on one line
    /// A letter or _, then letters, digits or _.
    kName,
    kNames,  ///< one name or a list of them
    /// A list of sizes of one example, channels last: [28, 28, 1].
    kShape,
    /// One integer for all spatial axes, or a list of one for each: 5 or [5, 3].
    kPerAxis,
    /// A list of axes of one example: [2, 0, 1].
    kAxes,
    kExpression,  ///< a number, an expression or a schedule
    /// A word of the row, or `normal: {stddev: 0.02}`.
    kInitializer,
    /// A map or list that has a mapping of its own, or a reader of its own.
    kStructure,
};

/// The most elements that an example may have: 2^31, so that positions within one fit into 32 bits.
/// A floating-point number, since a product of sizes may overflow integers before it is compared.
inline constexpr double kMostElements = 2147483648.0;

/// The limits of a number, or of each number in a list of them.
struct Range {
    double low = 0;
    double high = 0;
    /// `low` itself is not allowed.
    bool open_low = false;
    /// `high` itself is not allowed.
    bool open_high = false;

    bool holds(double value) const {
        return (open_low ? value > low : value >= low) &&
               (open_high ? value < high : value <= high);
    }
};

/// One key of a mapping or of a layer: all that any part of the compiler says or checks about it.
struct KeyRow {
    const char* key;
    KeyType type;
    /// The default, as a user would write it. kRequired: the key has to be given. kOptional: it may
    /// be left out and then has no value.
    const char* fallback;
    const char* doc;
    Range range = {};
    /// kWord, kInitializer: as in "same|valid".
    const char* words = "";
    /// Keys of one group exclude each other, as `idx` and `synthetic` do. A model that extends
    /// another, or --set, replaces one of them by giving another.
    const char* group = "";
    /// kStructure: what the value consists of, for the reference page and the JSON Schema. `{x}` is
    /// a map of x, `[x]` a list of x, `x|y` either of them, where x is a mapping or one of: any,
    /// data, expression, layer, metric, name, number, shape, text.
    const char* holds = "any";
    /// kPerAxis: how many spatial axes there are; kAnyAxes: as many as what the layer takes has.
    int axes = 2;

    bool required() const;
    bool has_default() const;
};

/// KeyRow::axes of a key that takes one integer, or a list of as many as there are axes.
constexpr int kAnyAxes = 0;
/// Spatial axes that a layer may have: convolutions have one to three.
constexpr int kMostSpatialAxes = 3;

extern const char* const kRequired;
extern const char* const kOptional;

/// A mapping of the language, that is a map with a fixed set of keys, other than a layer.
struct MappingRow {
    /// What the mapping describes, as in "network"; used in messages and headings.
    const char* name;
    std::vector<KeyRow> keys;
    const char* doc;
};

/// What a layer does to values, as far as warnings ask.
enum class LayerEffect {
    kComputes,
    kActivates,  ///< an activation: what `ends in` speaks of in warnings
    kMoves,      ///< gives what it takes, perhaps in another place or shape, or a part of it
};

/// A kind of layer.
struct LayerRow {
    const char* kind;
    /// The key that `kind: value` sets; "" when there is none.
    const char* main_key;
    std::vector<KeyRow> keys;
    const char* doc;
    /// Limits of the number of names in `from`; kManyInputs: no limit.
    int fewest_inputs = 1, most_inputs = 1;
    /// What it computes besides its result, as in "nearest|index": `from: q.nearest` takes it from
    /// a layer named `q`.
    const char* results = "";
    /// It has weights or statistics of its own, so that it stands in a network only. All others are
    /// functions of expressions too: `pad(x, 2)`, `slice(x, axis=0, stop=1)`.
    bool weights = false;
    LayerEffect effect = LayerEffect::kComputes;
    /// Between which numbers each element of its result lies, whatever it takes; nothing: all
    /// numbers are possible, or what it takes decides.
    std::optional<Range> gives = {};
    /// The key by whose number the finite ends of `gives` are multiplied; "": by 1. So elu, which
    /// tends to -alpha, has {-1, infinity} and "alpha".
    const char* gives_times = "";
};
/// More than people write; `fewest <= n && n <= most` then needs no special case.
constexpr int kManyInputs = 1000;
/// The layer whose result is an expression. Uses of functions, definitions and networks as layers
/// are read as such a layer.
constexpr std::string_view kExpressionLayer = "expression";

/// The layer that is a tensor, as are the entries of `parameters`.
constexpr std::string_view kParameterLayer = "parameter";
/// `net.weights` are the weights of a network, `net(x, weights=w)` is the network with others.
constexpr std::string_view kWeightsWord = "weights";

/// All kinds of layers, in the order of the reference page. dsl/lower checks that each has a
/// builder.
const std::vector<LayerRow>& layer_table();
/// All mappings, in the order of the reference page.
const std::vector<MappingRow>& mapping_table();

/// The row of a kind of layer; null when there is none.
const LayerRow* find_layer(std::string_view kind);
/// The row of a layer that is a function too; null when there is none.
const LayerRow* find_layer_function(std::string_view name);
/// The row of a mapping. A name without a row is a bug of gmc.
const MappingRow& mapping(std::string_view name);
const KeyRow* find_key(std::span<const KeyRow> rows, std::string_view key);

/// Splits "a|b|c" into {"a", "b", "c"}.
std::vector<std::string> split_words(std::string_view words);
/// Splits the alternatives of KeyRow::holds: "{a|b}|c" into {"{a|b}", "c"}.
std::vector<std::string> split_alternatives(std::string_view holds);
/// "`a`, `b` and `c`".
std::string quoted_list(const std::vector<std::string>& names, std::string_view last = "and");
std::vector<std::string> key_names(std::span<const KeyRow> rows);
/// "from 1 to 1,000,000", "at least 0 and below 1", "above 0".
std::string describe(const Range& range);
/// Why `value` cannot be a number of a model in `range`, as in "which does not fit in f32" or "it
/// has to be above 0"; "" when it can. It has to be in the range as it is written, and as it is
/// rounded to f32, in which models compute. A range whose ends are equal allows every number.
std::string misfit(double value, const Range& range);
/// "an integer from 1 to 1,000", "`same` or `valid`".
std::string describe(const KeyRow& row);

/// The whole table as a Markdown page, which is dsl/REFERENCE.md.
std::string language_reference();
/// The whole table as JSON Schema (draft 2020-12), with which editors complete and check while
/// typing.
std::string json_schema();

/// The keys that exclude `key` in any mapping: {"synthetic", ...} for "idx".
std::vector<std::string> exclusive_keys(std::string_view key);

}  // namespace gmc::dsl
