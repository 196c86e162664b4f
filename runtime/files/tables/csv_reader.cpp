// Reads a table in text, a byte at a time out of a buffer. A row consists of cells; what follows a
// cell (separator, end of line, end of file) decides how it goes on.
#include "runtime/files/tables/csv_reader.h"

#include "compiler/support/wrap.h"

namespace gmc::runtime {
namespace {

/// Large enough that reading a piece of the file costs little beside the parsing of its bytes.
constexpr size_t kBufferBytes = size_t{1} << 18;
constexpr int kEnd = -1;
/// A row that takes more memory is none: a line end or a quote is missing, or the file is no table.
constexpr size_t kRowMost = size_t{64} << 20;
/// Spreadsheets write this mark in front of UTF-8.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr std::string_view kSpaces = " \t";

/// Removes spaces around a cell's text.
void trim(std::string& cell) {
    const size_t end = cell.find_last_not_of(kSpaces);
    cell.erase(end == std::string::npos ? 0 : end + 1);
    cell.erase(0, cell.find_first_not_of(kSpaces));
}

/// What a file is likely to be that begins so and is no table; "" for all else.
const char* likely_kind(std::string_view start) {
    if (start.starts_with("PK\x03\x04"))
        return "a zip or a workbook (.xlsx): save its table as CSV";
    if (start.starts_with("\xd0\xcf\x11\xe0")) return "a workbook (.xls): save its table as CSV";
    if (start.starts_with("PAR1")) return "Parquet: save it by `to_csv` of pandas";
    if (start.starts_with("\x93NUMPY")) return "an array of NumPy: `npy: FILE` reads it";
    if (start.starts_with("[{") || start.starts_with("{\""))
        return "JSON: save it by `to_csv` of pandas";
    if (start.starts_with("<")) return "HTML or XML, perhaps the page instead of the file";
    return "";
}

bool is_space_or_end(int byte) {
    return byte == ' ' || byte == '\r' || byte == '\n' || byte == kEnd;
}

}  // namespace

std::string csv_cell(const std::string& text, const CsvFormat& format) {
    const std::string special = {format.separator, format.quote, '\n', '\r'};
    const bool trimmed = text.empty() || (kSpaces.find(text.front()) == std::string_view::npos &&
                                          kSpaces.find(text.back()) == std::string_view::npos);
    if (trimmed && text.find_first_of(special) == std::string::npos) return text;
    std::string out(1, format.quote);
    for (const char c : text) {
        if (c == format.quote) out += c;
        out += c;
    }
    return out + format.quote;
}

std::string separator_name(char separator) {
    if (separator == '\t') return "`tab`";
    return separator == ' ' ? "`space`" : fmt::format("`{}`", separator);
}

Result<CsvReader> CsvReader::open(const std::string& path, const CsvFormat& format,
                                  Diagnostics& diagnostics) {
    Result<ByteSource> source = ByteSource::open(path, diagnostics);
    if (!source) return Failure{};
    return CsvReader(source.take(), format);
}

/// The next byte without taking it; fills the buffer when it is empty.
int CsvReader::peek(Diagnostics& diagnostics) {
    if (at_ < buffer_.size()) return static_cast<unsigned char>(buffer_[at_]);
    if (failed_) return kEnd;
    buffer_.resize(kBufferBytes);
    const Result<size_t> got = source_.read(buffer_.data(), buffer_.size(), diagnostics);
    failed_ = !got;
    buffer_.resize(got ? *got : 0);
    at_ = 0;
    if (!started_) begin(diagnostics);
    started_ = true;
    return at_ < buffer_.size() ? static_cast<unsigned char>(buffer_[at_]) : kEnd;
}

/// At the beginning of the file: passes over the mark of UTF-8 and the line `sep=;`, by which
/// spreadsheets tell each other the separator. Reports a file that is no text, or not in UTF-8.
void CsvReader::begin(Diagnostics& diagnostics) {
    const bool wide = buffer_.starts_with("\xff\xfe") || buffer_.starts_with("\xfe\xff");
    const size_t zero = buffer_.find('\0');
    const std::string_view kind = likely_kind(buffer_);
    if (wide || zero != std::string::npos || !kind.empty()) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` is {}", path(),
                   wide            ? "UTF-16"
                   : !kind.empty() ? "no table in text"
                                   : fmt::format("no text: byte {} is 0x00", zero))
            .help(wide            ? "save it as UTF-8"
                  : !kind.empty() ? fmt::format("it looks like {}", kind)
                                  : "a table is text, with a row per line");
        buffer_.clear();
        failed_ = true;
        return;
    }
    if (buffer_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    const size_t end = buffer_.find('\n', at_);
    if (buffer_.compare(at_, 4, "sep=") == 0 && end != std::string::npos && end <= at_ + 6) {
        at_ = end + 1;
        ++line_;
    }
}

int CsvReader::get(Diagnostics& diagnostics) {
    const int byte = peek(diagnostics);
    if (byte == kEnd) return kEnd;
    ++at_;
    if (byte == '\n') ++line_;
    return byte;
}

/// False where a cell, together with those of the row before it, is too large; this is reported.
bool CsvReader::fits(const std::string& cell, Diagnostics& diagnostics) {
    if (cell.size() + row_bytes_ <= kRowMost) return true;
    diagnostics
        .error(DiagnosticKind::kTooLarge, {}, "`{}`:{}: the row that begins here is beyond 64 MiB",
               path(), row_line_)
        .help("is it a table, and does each row end with its line?");
    failed_ = true;
    return false;
}

/// Behind the opening quote; a quote inside is written twice.
bool CsvReader::read_quoted(std::string& cell, Diagnostics& diagnostics) {
    for (int byte; (byte = get(diagnostics)) != kEnd;) {
        if (byte == format_.quote) {
            if (peek(diagnostics) != format_.quote) return true;
            get(diagnostics);
        }
        cell += static_cast<char>(byte);
        if (!fits(cell, diagnostics)) return false;
    }
    if (failed_) return false;
    diagnostics.error(DiagnosticKind::kBadFile, {},
                      "`{}`:{}: the row that begins here has a quote that is not closed", path(),
                      row_line_);
    failed_ = true;
    return false;
}

/// Reports what follows a closing quote. In front of it may be rows that the quote has swallowed.
Failure CsvReader::refuse_rest(const std::string& rest, Diagnostics& diagnostics) {
    constexpr size_t kShown = 40;
    failed_ = true;
    const std::string where = line_ == row_line_ ? "" : fmt::format(" in line {}", line_);
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}`:{}: the row that begins here has a quote that is closed{}, and behind it "
               "stands `{}`",
               path(), row_line_, where, cut(rest, kShown))
        .help(fmt::format("a cell that begins with {0} ends with it; {0} inside of such a cell is "
                          "written twice",
                          format_.quote));
    return {};
}

/// Up to the separator or the end of the line.
void CsvReader::read_plain(std::string& cell, Diagnostics& diagnostics) {
    for (;;) {
        size_t end = at_;
        while (end < buffer_.size() && buffer_[end] != format_.separator && buffer_[end] != '\n' &&
               buffer_[end] != '\r')
            ++end;
        cell.append(buffer_, at_, end - at_);
        at_ = end;
        if (!fits(cell, diagnostics)) return;
        if (end < buffer_.size() || peek(diagnostics) == kEnd) return;
    }
}

/// Skips empty lines, then reads cell after cell.
Result<bool> CsvReader::next(std::vector<std::string>& cells, Diagnostics& diagnostics) {
    cells.clear();
    while (peek(diagnostics) == '\n' || peek(diagnostics) == '\r') get(diagnostics);
    row_line_ = line_;
    row_bytes_ = 0;
    if (peek(diagnostics) == kEnd) return failed_ ? Result<bool>(Failure{}) : Result<bool>(false);
    for (;;) {
        std::string& cell = cells.emplace_back();
        while (peek(diagnostics) == ' ') get(diagnostics);
        const bool quoted = peek(diagnostics) == format_.quote;
        if (quoted) {
            get(diagnostics);
            if (!read_quoted(cell, diagnostics)) return Failure{};
        }
        std::string rest;
        read_plain(quoted ? rest : cell, diagnostics);
        trim(quoted ? rest : cell);
        if (!rest.empty()) return refuse_rest(rest, diagnostics);
        row_bytes_ += cell.size() + sizeof cell;
        int byte = get(diagnostics);
        // Several spaces separate as one does, and at the end of a line they separate nothing.
        while (format_.separator == ' ' && byte == ' ' && is_space_or_end(peek(diagnostics)))
            byte = get(diagnostics);
        if (failed_) return Failure{};
        if (byte == format_.separator) continue;
        if (byte == '\r' && peek(diagnostics) == '\n') get(diagnostics);
        return true;
    }
}

}  // namespace gmc::runtime
