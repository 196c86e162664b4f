// Source texts with an index of where their lines begin, so that a place (line and column) is found
// for an offset by bisection, and the text of a line without a search.
#include "compiler/support/source_file.h"

#include <algorithm>

namespace gmc {

SourceFile::SourceFile(std::string path, std::string text)
    : path_(std::move(path)), text_(std::move(text)) {
    line_starts_.push_back(0);
    for (size_t i = 0; i < text_.size(); ++i)
        if (text_[i] == '\n') line_starts_.push_back(i + 1);
}

std::string_view SourceFile::line(uint32_t number) const {
    if (number == 0 || number > line_starts_.size()) return "";
    const size_t begin = line_starts_[number - 1];
    size_t end = number < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
    if (end > begin && text_[end - 1] == '\r') --end;
    return std::string_view(text_).substr(begin, end - begin);
}

Span SourceFile::span_at(uint32_t file, size_t offset, size_t length) const {
    const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const size_t line = static_cast<size_t>(next - line_starts_.begin());
    return {file, static_cast<uint32_t>(line),
            static_cast<uint32_t>(offset - line_starts_[line - 1] + 1),
            static_cast<uint32_t>(length)};
}

uint32_t SourceFiles::add(std::string path, std::string text) {
    files_.emplace_back(std::move(path), std::move(text));
    return count();
}

}  // namespace gmc
