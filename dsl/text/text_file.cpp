// Checks a file before it is parsed: that it exists, is a regular file, is small enough and is
// UTF-8 text, and that its layout cannot hurt the parser.
#include "dsl/text/text_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "compiler/support/edit_distance.h"
#include "compiler/support/paths.h"
#include "compiler/support/utf8.h"

namespace gmc::dsl {
namespace {

/// A byte that does not belong in a text file.
struct BadByte {
    size_t offset;
    /// A control character, as opposed to a malformed sequence.
    bool binary;
};

/// The first byte of `text` that does not belong in a text.
std::optional<BadByte> find_bad_byte(const std::string& text) {
    for (size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t'))
            return BadByte{i, true};
        const size_t length = utf8_length(text, i);
        if (length == 0) return BadByte{i, false};
        i += length;
    }
    return std::nullopt;
}

/// Reports an error about a file as a whole, which has no line to show.
Failure bad_file(const std::string& path, Diagnostics& diagnostics, const std::string& text) {
    const uint32_t file = diagnostics.sources().add(path, "");
    diagnostics.error(DiagnosticKind::kBadFile, Span{file, 0, 0, 0}, "{}", text);
    return {};
}

/// Names the model in the folder that may be meant.
Failure report_missing(const std::string& path, Diagnostics& diagnostics) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path folder = fs::absolute(path, error).parent_path();
    const uint32_t file = diagnostics.sources().add(path, "");
    Diagnostic& missing = diagnostics.error(DiagnosticKind::kBadFile, Span{file, 0, 0, 0},
                                            "no such file in `{}`", folder.string());
    std::vector<std::string> there;
    for (const fs::path& one : paths_in(folder))
        if (one.extension() == ".yaml" || one.extension() == ".yml")
            there.push_back(one.filename().string());
    std::sort(there.begin(), there.end());
    const std::string near = nearest_name(fs::path(path).filename().string(), there);
    if (!near.empty()) missing.help(fmt::format("there is `{}`", near));
    return {};
}

/// Reads the bytes of a regular file that is not too large.
Result<std::string> read_bytes(const std::string& path, Diagnostics& diagnostics) {
    namespace fs = std::filesystem;
    std::error_code error;
    // Places in files stand in lines of the IR's text.
    if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' '; }))
        return bad_file(path, diagnostics,
                        "has a line break or another control character in its name");
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) return report_missing(path, diagnostics);
    if (error) return bad_file(path, diagnostics, "cannot be opened: " + error.message());
    if (fs::is_directory(status))
        return bad_file(path, diagnostics, "is a directory, not a model file");
    if (!fs::is_regular_file(status)) return bad_file(path, diagnostics, "is not a regular file");
    const uintmax_t size = fs::file_size(path, error);
    if (!error && size > kMostModelBytes)
        return bad_file(path, diagnostics,
                        fmt::format("has {:.1f} MB; a model file may have at most {} MB",
                                    static_cast<double>(size) / 1e6, kMostModelBytes / 1'000'000));
    // Files of /proc have no size, and reading one may wait for ever, as that of /proc/kmsg does.
    if (!error && size == 0) return std::string();
    std::ifstream in(path, std::ios::binary);
    if (!in)
        return bad_file(path, diagnostics,
                        fmt::format("cannot be opened: {}", std::strerror(errno)));
    // The limit is checked again while reading: the file may grow after its size was taken.
    std::string text;
    char chunk[16384];
    while (in.read(chunk, sizeof chunk), in.gcount() > 0) {
        text.append(chunk, static_cast<size_t>(in.gcount()));
        if (text.size() > kMostModelBytes)
            return bad_file(path, diagnostics, "grows while it is read");
    }
    if (in.bad()) return bad_file(path, diagnostics, "cannot be read");
    return text;
}

}  // namespace

/// Spaces that look like a plain one, as word processors and web pages insert them. YAML takes them
/// for letters, and its message then speaks of something nobody can see.
std::string odd_space(std::string_view text) {
    struct Odd {
        std::string_view bytes, name;
    };
    static constexpr Odd kOdd[] = {{"\xc2\xa0", "a no-break space (U+00A0)"},
                                   {"\xe2\x80\xaf", "a narrow no-break space (U+202F)"},
                                   {"\xe2\x80\x87", "a figure space (U+2007)"},
                                   {"\xe2\x80\x89", "a thin space (U+2009)"},
                                   {"\xe2\x80\x8b", "a space of no width (U+200B)"},
                                   {"\xe3\x80\x80", "an ideographic space (U+3000)"},
                                   {"\xef\xbb\xbf", "a byte order mark (U+FEFF)"}};
    for (const Odd& odd : kOdd)
        if (text.starts_with(odd.bytes)) return std::string(odd.name);
    return "";
}

bool has_typographic_quote(std::string_view text) {
    for (const char* quote :
         {"\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u201a", "\u00ab", "\u00bb"})
        if (text.find(quote) != text.npos) return true;
    return false;
}

bool check_bytes(const std::string& text, uint32_t file, Diagnostics& diagnostics) {
    const std::optional<BadByte> bad = find_bad_byte(text);
    if (!bad) return true;
    const auto byte = static_cast<unsigned char>(text[bad->offset]);
    const Span span = diagnostics.sources().file(file).span_at(file, bad->offset, 1);
    if (bad->binary)
        diagnostics.error(DiagnosticKind::kBadFile, span,
                          "not text: it holds the control byte 0x{:02x}", byte);
    else
        diagnostics
            .error(DiagnosticKind::kBadFile, span,
                   "not UTF-8 text: the byte 0x{:02x} starts no character", byte)
            .help("save it as UTF-8");
    return false;
}

/// A byte order mark at the beginning is dropped, since editors of Windows write it and it says
/// nothing in UTF-8. Bytes that are no text are refused before anything else reads them.
Result<TextFile> load_text(const std::string& path, Diagnostics& diagnostics) {
    Result<std::string> bytes = read_bytes(path, diagnostics);
    if (!bytes) return Failure{};
    std::string text = bytes.take();
    if (text.rfind("\xef\xbb\xbf", 0) == 0) text.erase(0, 3);
    const uint32_t file = diagnostics.sources().add(path, text);
    if (!check_bytes(text, file, diagnostics)) return Failure{};
    if (text.find('\r') != std::string::npos && text.find('\n') == std::string::npos) {
        diagnostics
            .error(DiagnosticKind::kBadFile, Span{file, 0, 0, 0},
                   "its lines end in carriage returns (CR) alone")
            .help("save the file with the line ends LF, or CR LF");
        return Failure{};
    }
    return TextFile{file, std::move(text)};
}

/// What yaml-cpp reports badly or not in time, found before it runs: odd spaces and tabs as
/// indentation, and brackets so deep that its recursion would overflow the stack. One pass, line by
/// line.
bool check_layout(const std::string& text, uint32_t file, size_t most_levels,
                  Diagnostics& diagnostics) {
    const SourceFile& source = diagnostics.sources().file(file);
    size_t line_start = 0;
    size_t open = 0;
    while (line_start < text.size()) {
        const size_t line_end = std::min(text.find('\n', line_start), text.size());
        const size_t first = text.find_first_not_of(" \t\r", line_start);
        const bool blank = first == std::string::npos || first >= line_end || text[first] == '#';
        if (const std::string odd =
                odd_space(std::string_view(text).substr(std::min(first, text.size()), 3));
            !blank && !odd.empty()) {
            diagnostics
                .error(DiagnosticKind::kBadYaml, source.span_at(file, first, 1),
                       "{} is used as indentation", odd)
                .help("YAML is indented with plain spaces");
            return false;
        }
        const size_t tab = text.find('\t', line_start);
        if (!blank && tab < first) {
            diagnostics
                .error(DiagnosticKind::kBadYaml, source.span_at(file, tab, 1),
                       "a tab is used as indentation")
                .help("YAML is indented with spaces");
            return false;
        }
        // Brackets in texts and comments are counted as well. That is harmless: no model has a
        // hundred more of them opened than closed.
        for (size_t i = line_start; i < line_end && !blank; ++i) {
            if (text[i] == '[' || text[i] == '{') ++open;
            if ((text[i] == ']' || text[i] == '}') && open > 0) --open;
            if (open > most_levels) {
                diagnostics.error(DiagnosticKind::kBadYaml, source.span_at(file, i, 1),
                                  "brackets are nested deeper than {} levels", most_levels);
                return false;
            }
        }
        line_start = line_end + 1;
    }
    return true;
}

}  // namespace gmc::dsl
