// Turns nodes into typed values, and checks them against the rows of schema.h.
// Enters: a node and the row of its key. Leaves: a value, or an error for a wrong type, range, word
// or key. All readers of sections use this, so that the same mistake has the same message
// everywhere.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dsl/schema/schema.h"
#include "dsl/spec.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// The typed values of one mapping: those that were written, and the defaults of the others.
struct Values {
    std::map<std::string, LayerValue> values;
    /// Places of those that were written.
    std::map<std::string, Span> spans;
    /// False: an error was reported, and values may be missing.
    bool ok = true;

    bool has(const std::string& key) const { return values.count(key) != 0; }
    /// The value of a key; zero of its type after an error.
    int64_t integer(const std::string& key) const { return get<int64_t>(key); }
    double number(const std::string& key) const { return get<double>(key); }
    bool flag(const std::string& key) const { return get<bool>(key); }
    std::string text(const std::string& key) const { return get<std::string>(key); }
    std::vector<int64_t> integers(const std::string& key) const {
        return get<std::vector<int64_t>>(key);
    }

  private:
    template <typename T>
    T get(const std::string& key) const {
        const auto found = values.find(key);
        return found == values.end() ? T{} : std::get<T>(found->second);
    }
};

/// A name with its place, as in a list of networks.
struct PlacedName {
    std::string name;
    Span span;
};

/// Reports what is wrong with the keys of `map`: it is no map, has unknown keys (the message
/// suggests the nearest one and lists all), keys without a value, or lacks required keys. `what`
/// names the map in messages, as in "network `encoder`".
bool check_keys(const Node& map, std::span<const KeyRow> rows, const std::string& what, Span where,
                Diagnostics& diagnostics);

/// Calls check_keys and reads the values of all rows, except those of kStructure, kExpression and
/// kNames, which the caller reads itself.
Values read_values(const Node& map, std::span<const KeyRow> rows, const std::string& what,
                   Span where, Diagnostics& diagnostics);

/// Of `(28, 28, 1)` and `28x28x1` the sizes, as they stand between brackets; "" when it is none.
std::string sizes_in(const Node& node);

/// Reads one value of the row's type; reports kWrongType, kBadValue or kTooLarge.
std::optional<LayerValue> read_value(const Node& node, const KeyRow& row, Diagnostics& diagnostics);

/// The default of a row that has one. Not for kStructure, kExpression and kNames.
LayerValue default_value(const KeyRow& row);

/// Reads `a` or `[a, b]`; reports anything else.
std::vector<PlacedName> read_names(const Node& node, const std::string& what,
                                   Diagnostics& diagnostics);

/// Reads `[28, 28, 1]`: each size is at least 1 and their product at most 2^31. With `has_rest` one
/// of them may be -1, for what is left of a known number of elements.
std::optional<std::vector<int64_t>> read_shape(const Node& node, const std::string& what,
                                               Diagnostics& diagnostics, bool has_rest = false);

/// Reports `text` unless it is a name: a letter or _, then letters, digits or _.
bool check_name(const std::string& text, const std::string& what, Span where,
                Diagnostics& diagnostics);

/// Reports the node unless it is a map (or a list). An empty one is accepted. `help` says how it is
/// written.
bool expect_map(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics,
                const std::string& help = "");
bool expect_list(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics,
                 const std::string& help = "");

/// Reports a name that is none of `known`; adds "did you mean", or the list of all.
Diagnostic& report_unknown(DiagnosticKind kind, Span where, const std::string& text,
                           const std::string& name, const std::vector<std::string>& known,
                           Diagnostics& diagnostics);

/// The number that a scalar is: a plain one, or arithmetic of numbers such as `2 * 16`. Nothing for
/// all else.
std::optional<double> number_of(const Node& node);

/// What is wrong with a text that was meant as a number: "the decimal mark is a point: 0.5"; "" for
/// all else.
std::string number_hint(const std::string& text);

/// Adds a note with the place that the value comes from (a variable, a base), when the node has
/// one.
Diagnostic& note_origin(Diagnostic& error, const Node& node);

}  // namespace gmc::dsl
