// YAML text -> a tree of our own with exact places. document.cpp is the only file that includes
// yaml-cpp, and the only one that sees an exception: what is wrong with a text ends up in
// Diagnostics.
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

/// Where one byte of a scalar's text comes from: an offset into the file of the scalar's span, and
/// how many bytes there it stands for (the bytes that replaced `${name}` stand for all of
/// `${name}`).
struct TextPlace {
    size_t offset = 0;
    size_t length = 1;
};

/// One key of a map with its value, in the order written.
struct Entry {
    std::string key;
    Span key_span;
    NodePtr value;
};

/// A scalar, list, map or nothing. Nodes are shared and never changed; an edit makes a new one.
struct Node {
    enum class Kind { kNull, kScalar, kList, kMap };
    Kind kind = Kind::kNull;
    std::string text;            ///< kScalar: without quotes, escapes undone
    bool failed = false;         ///< what is wrong with it was reported: readers say no more
    bool quoted = false;         ///< kScalar: "20" is text, 20 is a number
    std::vector<Entry> entries;  ///< kMap; keys are unique
    std::vector<NodePtr> items;  ///< kList
    Span span;  ///< a scalar with its quotes; `[`, `{` or the first key; an alias: where it is used
    /// kScalar: a place for each byte of `text`, when variables were replaced in it; else null
    /// (text_places finds them).
    std::shared_ptr<const std::vector<TextPlace>> places;
    /// Where a variable or anchor gives the value that is used at `span`; unknown otherwise.
    Span defined;
    /// This node and all below, aliases counted as often as they are used.
    size_t expanded_nodes = 1;
    size_t height = 0;  ///< 0 for a scalar

    bool is_null() const { return kind == Kind::kNull; }
    bool is_scalar() const { return kind == Kind::kScalar; }
    bool is_list() const { return kind == Kind::kList; }
    bool is_map() const { return kind == Kind::kMap; }
    /// The entry of `key`; null when there is none or this is no map.
    const Entry* find(std::string_view key) const;
};

/// The most values a document may have after its aliases and variables are expanded: a bomb of a
/// few hundred bytes has billions.
constexpr size_t kMostNodes = 20'000;
/// The most lists and maps inside of each other.
constexpr size_t kMostLevels = 100;

/// Sets `expanded_nodes` and `height` from the children.
void measure(Node& node);

/// "a map", "a list", "the text `abc`", "the number 3", "nothing": for messages.
std::string describe(const Node& node);

/// Reads the file at `path` and parses it. Every way a file can be bad is an error in
/// `diagnostics`: no file, a directory, over 8 MB, not text, tabs as indentation, malformed, keys
/// twice, too deep, too much.
Result<NodePtr> read_document(const std::string& path, Diagnostics& diagnostics);

/// Parses `text`; offsets into it are offsets into source `file`, already added to the sources.
Result<NodePtr> parse_document(const std::string& text, uint32_t file, Diagnostics& diagnostics);

/// A place for each byte of a scalar's text, found by walking the source beside it: line breaks and
/// indentation of a scalar of several lines, quotes and escapes are skipped. Falls back on the
/// whole scalar for what it cannot follow.
std::vector<TextPlace> text_places(const Node& scalar, const SourceFiles& sources);

/// The span of bytes [begin, end) of a scalar's text, given its places.
Span span_of_text(const std::vector<TextPlace>& places, size_t begin, size_t end, uint32_t file,
                  const SourceFiles& sources);

/// The offset of a span's first byte in its file.
size_t offset_of(const Span& span, const SourceFiles& sources);

}  // namespace gmc::dsl
