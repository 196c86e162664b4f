// Looks into nodes, and finds which bytes of the file the text of a scalar came from. The latter is
// what puts a caret under the right word of an expression that runs over several lines, is in
// quotes or has a `${variable}` before the error.
#include <algorithm>

#include "dsl/text/document.h"

namespace gmc::dsl {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// At most `bytes` bytes of a text, cut between characters.
std::string shortened(const std::string& text, size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
    return text.substr(0, bytes) + "...";
}

}  // namespace

void measure(Node& node) {
    node.expanded_nodes = 1;
    node.height = 0;
    const auto count = [&](const Node& child) {
        node.expanded_nodes += child.expanded_nodes;
        node.height = std::max(node.height, child.height + 1);
    };
    for (const Entry& entry : node.entries) count(*entry.value);
    for (const NodePtr& item : node.items) count(*item);
}

const Entry* Node::find(std::string_view key) const {
    for (const Entry& entry : entries)
        if (entry.key == key) return &entry;
    return nullptr;
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::kNull:
            return "nothing";
        case Node::Kind::kList:
            return "a list";
        case Node::Kind::kMap:
            return "a map";
        case Node::Kind::kScalar:
            break;
    }
    const std::string shown = shortened(node.text, 60);
    return node.quoted ? fmt::format("the text \"{}\"", shown) : fmt::format("`{}`", shown);
}

size_t offset_of(const Span& span, const SourceFiles& sources) {
    if (!span.known()) return 0;
    const SourceFile& source = sources.file(span.file);
    const std::string_view line = source.line(span.line);
    if (line.data() == nullptr || line.empty()) return source.text().size();
    return static_cast<size_t>(line.data() - source.text().data()) + span.column - 1;
}

/// A text in YAML is not stored as it is written: quotes are removed, line breaks become spaces,
/// escapes become characters. This walks through text and file side by side, and takes note of
/// where each byte stands as long as both agree, with runs of white space matched as a whole. From
/// the first byte where they do not agree (an escape, an alias) all others get the place of the
/// whole text: an error then underlines more than it should, but never something else. With `a b`
/// in the file, bytes 0, 1, 2 get their own places; with "a\tb", `a` gets its own and the rest that
/// of the whole.
std::vector<TextPlace> text_places(const Node& scalar, const SourceFiles& sources) {
    if (scalar.places) return *scalar.places;
    const size_t begin = offset_of(scalar.span, sources);
    std::vector<TextPlace> places(scalar.text.size(),
                                  {begin, std::max<size_t>(scalar.span.length, 1)});
    if (!scalar.span.known()) return places;
    const std::string& source = sources.file(scalar.span.file).text();
    size_t at = begin;
    if (at < source.size() && (source[at] == '|' || source[at] == '>'))
        at = std::min(source.find('\n', at), source.size());
    else if (scalar.quoted)
        ++at;
    for (size_t i = 0; i < scalar.text.size(); ++i) {
        const char c = scalar.text[i];
        if (is_space(c)) {
            // One space of the text may stand for a line break and indentation in the file.
            if (at < source.size() && is_space(source[at])) {
                places[i] = {at, 1};
                ++at;
            }
            continue;
        }
        while (at < source.size() && is_space(source[at])) ++at;
        if (at >= source.size() || source[at] != c)
            return places;  // an escape or an alias: the rest gets the whole
        places[i] = {at, 1};
        ++at;
    }
    return places;
}

Span span_of_text(const std::vector<TextPlace>& places, size_t begin, size_t end, uint32_t file,
                  const SourceFiles& sources) {
    if (places.empty() || file == 0) return Span{file, 0, 0, 0};
    // The end of the text is shown just right of its last byte.
    const bool at_end = begin >= places.size();
    const TextPlace& first = at_end ? places.back() : places[begin];
    const TextPlace& last = places[std::clamp<size_t>(end, 1, places.size()) - 1];
    const size_t from = at_end ? first.offset + first.length : first.offset;
    const size_t to = std::max(last.offset + last.length, from + 1);
    return sources.file(file).span_at(file, from, to - from);
}

}  // namespace gmc::dsl
