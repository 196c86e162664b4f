// Nodes -> typed values, checked against the rows of schema.h. Every wrong type, range, word or key
// is said here.
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

/// The typed values of one mapping: those written and the defaults of those not written.
struct Values {
    std::map<std::string, LayerValue> values;
    std::map<std::string, Span> spans;  ///< of those that were written
    bool ok = true;  ///< false: something was reported, and may be missing from `values`

    bool has(const std::string& key) const { return values.count(key) != 0; }
    /// The value, or the type's zero after an error.
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

/// Reports what `map` has too much or too little: it is no map, unknown keys (with the nearest and
/// all that are allowed), keys without a value, required keys that are missing. `what` names it in
/// messages: "network `encoder`".
bool check_keys(const Node& map, std::span<const KeyRow> rows, const std::string& what, Span where,
                Diagnostics& diagnostics);

/// check_keys, and the typed values of all rows but those of kStructure, kExpression and kNames.
Values read_values(const Node& map, std::span<const KeyRow> rows, const std::string& what,
                   Span where, Diagnostics& diagnostics);

/// One value of one row's type; reports kWrongType, kBadValue or kTooLarge. `what` as in "`units`".
std::optional<LayerValue> read_value(const Node& node, const KeyRow& row, Diagnostics& diagnostics);

/// A row's default as a value; only for rows that have one, and not kStructure, kExpression or
/// kNames.
LayerValue default_value(const KeyRow& row);

/// `a` or `[a, b]`; reports what is neither.
std::vector<PlacedName> read_names(const Node& node, const std::string& what,
                                   Diagnostics& diagnostics);

/// `[28, 28, 1]`: each size at least 1, the product at most 2^31.
std::optional<std::vector<int64_t>> read_shape(const Node& node, const std::string& what,
                                               Diagnostics& diagnostics);

/// Reports unless `text` is a name: a letter or _ and then letters, digits, _.
bool check_name(const std::string& text, const std::string& what, Span where,
                Diagnostics& diagnostics);

/// Reports unless the node is a map (or a list); an empty one is fine.
bool expect_map(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics);
bool expect_list(const Node& node, const std::string& what, Span where, Diagnostics& diagnostics);

/// kUnknownKey (or another kind) for a name that is none of `known`: adds "did you mean", or the
/// list of all.
Diagnostic& report_unknown(DiagnosticKind kind, Span where, const std::string& text,
                           const std::string& name, const std::vector<std::string>& known,
                           Diagnostics& diagnostics);

/// Adds where the value comes from, when that is not where it is used.
Diagnostic& note_origin(Diagnostic& error, const Node& node);

}  // namespace gmc::dsl
