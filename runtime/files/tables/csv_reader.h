// Rows of a table in text: cells between separators, quoted or not (RFC 4180), gzip-compressed or
// not.
#pragma once

#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/byte_source.h"

namespace gmc::runtime {

/// How the text of a table is written.
struct CsvFormat {
    char separator = ',';  ///< ' ': one or more spaces
    char quote = '"';
    char decimal = '.';
    bool header = true;  ///< the first row has the names
};

/// `text` as a cell of such a table: in quotes where it holds a separator, a quote or the end of a
/// line, or begins or ends with a space, which readers would drop.
std::string csv_cell(const std::string& text, const CsvFormat& format = {});

/// A separator in a sentence: "`;`", "`tab`", "`space`".
std::string separator_name(char separator);

/// Reads one row after the other; only a few rows are in memory at a time.
class CsvReader {
  public:
    /// Errors (kBadFile): those of ByteSource::open.
    static Result<CsvReader> open(const std::string& path, const CsvFormat& format,
                                  Diagnostics& diagnostics);

    /// The next row that is not empty; false at the end. Cells are without their quotes and without
    /// spaces around them. Errors: the disk, a damaged .gz, a quote that is not closed, or text
    /// behind one that is (kBadFile); a row beyond 64 MiB (kTooLarge).
    Result<bool> next(std::vector<std::string>& cells, Diagnostics& diagnostics);
    /// The line on which the last row began, from 1.
    int64_t line() const { return row_line_; }
    const std::string& path() const { return source_.path(); }

  private:
    CsvReader(ByteSource source, const CsvFormat& format)
        : source_(std::move(source)), format_(format) {}
    /// The next byte, or -1 at the end and after an error.
    int get(Diagnostics& diagnostics);
    int peek(Diagnostics& diagnostics);
    void begin(Diagnostics& diagnostics);
    bool fits(const std::string& cell, Diagnostics& diagnostics);
    bool read_quoted(std::string& cell, Diagnostics& diagnostics);
    Failure refuse_rest(const std::string& rest, Diagnostics& diagnostics);
    void read_plain(std::string& cell, Diagnostics& diagnostics);

    ByteSource source_;
    CsvFormat format_;
    std::string buffer_;
    size_t at_ = 0;
    int64_t line_ = 1, row_line_ = 1;
    size_t row_bytes_ = 0;  ///< that the cells of this row take so far
    bool failed_ = false, started_ = false;
};

}  // namespace gmc::runtime
