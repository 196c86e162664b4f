// Parses YAML into a tree of our own in which every node has its exact place. Enters: a file or a
// text. Leaves: a tree of Nodes, or errors.
// document.cpp is the only file that includes yaml-cpp, so only it sees yaml-cpp's exceptions; it
// turns all of them into Diagnostics.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

/// Where one byte of a scalar's text comes from: an offset in the file of the scalar's span, and
/// the number of bytes there that it stands for. (Each byte that replaced `${name}` stands for all
/// of `${name}`.)
struct TextPlace {
    size_t offset = 0;
    size_t length = 1;
};

/// One key of a map with its value. Entries keep the order in which they are written.
struct Entry {
    std::string key;
    Span key_span;
    NodePtr value;
};

/// A scalar, list, map or null. Nodes are shared and never changed; an edit makes a new one.
struct Node {
    enum class Kind { kNull, kScalar, kList, kMap };
    Kind kind = Kind::kNull;
    /// kScalar: the text without quotes, with escapes replaced.
    std::string text;
    /// An error in it was reported; readers report no other.
    bool failed = false;
    /// kScalar: "20" is text, 20 is a number.
    bool quoted = false;
    std::vector<Entry> entries;  ///< kMap; keys are unique
    std::vector<NodePtr> items;  ///< kList
    /// The place of a scalar with its quotes; the `[`, `{` or first key of a list or map; the place
    /// where an alias is used.
    Span span;
    /// kScalar: a place for each byte of `text`, when variables were replaced in it; otherwise
    /// null, and text_places finds them.
    std::shared_ptr<const std::vector<TextPlace>> places;
    /// Where the value comes from when a variable or anchor gives it; unknown otherwise.
    Span defined;
    /// This node and all nodes below, where an alias counts each time it is used.
    size_t expanded_nodes = 1;
    /// How many levels the tree below has; 0 for a scalar.
    size_t height = 0;

    bool is_null() const { return kind == Kind::kNull; }
    bool is_scalar() const { return kind == Kind::kScalar; }
    bool is_list() const { return kind == Kind::kList; }
    bool is_map() const { return kind == Kind::kMap; }
    /// The entry of `key`; null when there is none, or when this is no map.
    const Entry* find(std::string_view key) const;
};

/// The most values that a document may have once its aliases and variables are expanded. Nested
/// aliases can make billions out of a few hundred bytes.
constexpr size_t kMostNodes = 200'000;
/// The most lists and maps that may be nested in each other.
constexpr size_t kMostLevels = 100;

/// Sets `expanded_nodes` and `height` from the children.
void measure(Node& node);

/// Names a node in messages: "a map", "a list", "the text `abc`", "the number 3", "nothing".
std::string describe(const Node& node);

/// Reads and parses the file at `path`. Reports whatever is wrong with it: missing, a directory,
/// over 8 MB, not text, indented by tabs, malformed, with duplicate keys, nested too deep, too many
/// values.
Result<NodePtr> read_document(const std::string& path, Diagnostics& diagnostics);

/// Parses `text`, which is source `file` of the sources already; offsets in it are offsets in that
/// source.
Result<NodePtr> parse_document(const std::string& text, uint32_t file, Diagnostics& diagnostics);

/// A place for each byte of a scalar's text. The scalar and its source are walked side by side:
/// quotes, escapes, line breaks and indentation are in the source only. Where that cannot be
/// followed, the rest of the bytes get the place of the whole scalar.
std::vector<TextPlace> text_places(const Node& scalar, const SourceFiles& sources);

/// The span of bytes [begin, end) of a scalar's text, given the places of its bytes.
Span span_of_text(const std::vector<TextPlace>& places, size_t begin, size_t end, uint32_t file,
                  const SourceFiles& sources);

/// The offset of a span's first byte in its file.
size_t offset_of(const Span& span, const SourceFiles& sources);

}  // namespace gmc::dsl
