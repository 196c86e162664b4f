// The texts that errors point into: model files, recipes, --set arguments, IR files. They are kept
// for the whole run, since a message quotes its line when it is printed, at the end.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace gmc {

/// A place in a source text. Line and column count from 1, the column in bytes; file 0 is no place.
struct Span {
    uint32_t file = 0;
    uint32_t line = 0;
    uint32_t column = 0;
    uint32_t length = 0;

    bool known() const { return file != 0 && line != 0; }
    friend bool operator==(const Span&, const Span&) = default;
};

/// One text, with the places of its lines.
class SourceFile {
  public:
    SourceFile(std::string path, std::string text);

    const std::string& path() const { return path_; }
    const std::string& text() const { return text_; }
    /// Line `number`, from 1, without its line break; "" outside of the text.
    std::string_view line(uint32_t number) const;
    /// The place that brought this file in; unknown for a file that the user named. See
    /// SourceFiles::set_origin.
    const Span& used_at() const { return used_at_; }
    const std::string& origin() const { return origin_; }
    void set_origin(Span used_at, std::string text) {
        used_at_ = used_at;
        origin_ = std::move(text);
    }
    /// The line and column, from 1, of a byte offset.
    Span span_at(uint32_t file, size_t offset, size_t length) const;

  private:
    std::string path_;
    std::string text_;
    std::vector<size_t> line_starts_;
    Span used_at_;
    std::string origin_;
};

/// All texts of one run. A Span's `file` is the number that `add` returned, from 1.
class SourceFiles {
  public:
    uint32_t add(std::string path, std::string text);
    const SourceFile& file(uint32_t number) const { return files_[number - 1]; }
    /// What stands at a known place.
    std::string_view text(const Span& span) const {
        return file(span.file).line(span.line).substr(span.column - 1, span.length);
    }
    /// Remembers what brought file `number` in. Each error in that file then gets a note such as
    /// "in recipe `vae`, used here".
    void set_origin(uint32_t number, Span used_at, std::string text) {
        files_[number - 1].set_origin(used_at, std::move(text));
    }
    uint32_t count() const { return static_cast<uint32_t>(files_.size()); }

  private:
    std::deque<SourceFile> files_;
};

}  // namespace gmc
