// Which bytes of the file a scalar's text came from: what lets an error inside an expression of
// several lines, in quotes or after a `${variable}`, put its caret under the right word.
#include <algorithm>

#include "dsl/document.h"

namespace gmc::dsl {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

size_t offset_of(const Span& span, const SourceFiles& sources) {
    if (!span.known()) return 0;
    const SourceFile& source = sources.file(span.file);
    const std::string_view line = source.line(span.line);
    if (line.data() == nullptr || line.empty()) return source.text().size();
    return static_cast<size_t>(line.data() - source.text().data()) + span.column - 1;
}

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
            // One space of the text may be a line break and an indentation in the file.
            if (at < source.size() && is_space(source[at])) {
                places[i] = {at, 1};
                ++at;
            }
            continue;
        }
        while (at < source.size() && is_space(source[at])) ++at;
        if (at >= source.size() || source[at] != c)
            return places;  // an escape, an alias: the rest is the whole
        places[i] = {at, 1};
        ++at;
    }
    return places;
}

Span span_of_text(const std::vector<TextPlace>& places, size_t begin, size_t end, uint32_t file,
                  const SourceFiles& sources) {
    if (places.empty() || file == 0) return Span{file, 0, 0, 0};
    // An end of text is shown on its last byte's right.
    const bool at_end = begin >= places.size();
    const TextPlace& first = at_end ? places.back() : places[begin];
    const TextPlace& last = places[std::clamp<size_t>(end, 1, places.size()) - 1];
    const size_t from = at_end ? first.offset + first.length : first.offset;
    const size_t to = std::max(last.offset + last.length, from + 1);
    return sources.file(file).span_at(file, from, to - from);
}

}  // namespace gmc::dsl
