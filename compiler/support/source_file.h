// Texts that errors point into: model files, recipes, --set arguments, IR files.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace gmc {

/// A place in a source text. Line and column are 1-based; column counts bytes. file 0 = nowhere.
struct Span {
    uint32_t file = 0;
    uint32_t line = 0;
    uint32_t column = 0;
    uint32_t length = 0;

    bool known() const { return file != 0 && line != 0; }
    friend bool operator==(const Span&, const Span&) = default;
};

/// One text with its lines found.
class SourceFile {
  public:
    SourceFile(std::string path, std::string text);

    const std::string& path() const { return path_; }
    const std::string& text() const { return text_; }
    /// Line `number` (1-based) without its line break; "" outside the text.
    std::string_view line(uint32_t number) const;
    /// The 1-based line and column of a byte offset.
    Span span_at(uint32_t file, size_t offset, size_t length) const;

  private:
    std::string path_;
    std::string text_;
    std::vector<size_t> line_starts_;
};

/// All texts of one run; a Span's `file` is the number that `add` returned (from 1).
class SourceFiles {
  public:
    uint32_t add(std::string path, std::string text);
    const SourceFile& file(uint32_t number) const { return files_[number - 1]; }
    uint32_t count() const { return static_cast<uint32_t>(files_.size()); }

  private:
    std::deque<SourceFile> files_;
};

}  // namespace gmc
