// Breaks long lines at spaces, and cuts long names.
#include "compiler/support/wrap.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/support/utf8.h"

namespace gmc {

/// Takes lines off the front until the rest fits. Each line is broken at the last space that lies
/// within the width; where there is none after the first word, at the next one behind it, so that a
/// word stays whole even if it is too long. `start` is the indent of the line that is being made: 0
/// for the first.
std::string wrapped(std::string_view line, size_t indent, size_t width) {
    std::string out;
    for (size_t start = 0; start + line.size() > width; start = indent) {
        const size_t room = width > start ? width - start : 1;
        const size_t word = line.find_first_not_of(' ');
        size_t at = line.rfind(' ', room);
        if (at == line.npos || at < word) at = line.find(' ', std::max(word, room));
        const size_t rest = line.find_first_not_of(' ', at);
        if (at == line.npos || rest == line.npos) break;
        out.append(line.substr(0, line.find_last_not_of(' ', at) + 1));
        out.append("\n").append(indent, ' ');
        line.remove_prefix(rest);
    }
    return out.append(line);
}

namespace {

constexpr size_t kLongestQuoted = 200, kLongestWord = 300, kCutTo = 100;
constexpr size_t kLongestPath = 4096, kLongestInPath = 255;  // as in Linux
constexpr size_t kLongestSentence = 16384;

bool is_path(std::string_view text) {
    if (text.find('/') == text.npos || text.size() > kLongestPath) return false;
    size_t begin = 0;
    for (size_t end = 0; end != text.npos; begin = end + 1) {
        end = text.find('/', begin);
        if (std::min(end, text.size()) - begin > kLongestInPath) return false;
    }
    return true;
}

std::string piece(std::string_view text, size_t longest) {
    return text.size() <= longest || is_path(text) ? std::string(text) : cut(text, kCutTo);
}

}  // namespace

std::string cut(std::string_view text, size_t most) {
    if (text.size() <= most) return std::string(text);
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
    return std::string(text.substr(0, most)) + "...";
}

/// U+0080 to U+009F are control characters, too: U+009B begins a sequence as ESC [ does.
static bool is_control(std::string_view text, size_t at) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    return byte(at) < 0x20 || byte(at) == 0x7f ||
           (byte(at) == 0xc2 && at + 1 < text.size() && byte(at + 1) >= 0x80 &&
            byte(at + 1) < 0xa0);
}

/// `text` with what must not be printed as \x and two digits, but for those of `kept`.
static std::string without_control(std::string_view text, std::string_view kept) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const size_t length = utf8_length(text, at), end = at + std::max<size_t>(length, 1);
        if (kept.find(text[at]) == kept.npos && (length == 0 || is_control(text, at)))
            for (; at < end; ++at)
                out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
        else
            out += text.substr(at, end - at);
        at = end;
    }
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : without_control(text, "\n\t"))
        if (c == '\n')
            out += "\\n";
        else
            out += c == '\t' ? ' ' : c;
    return out;
}

std::string printable_lines(std::string_view text) { return without_control(text, "\n\t"); }

/// One walk, piece by piece: a piece is what stands between two backticks, or a run of characters
/// without a space.
std::string shortened(std::string_view sentence) {
    std::string out;
    for (size_t at = 0; at < sentence.size() && out.size() <= kLongestSentence;) {
        const char c = sentence[at];
        const size_t close = c == '`' ? sentence.find('`', at + 1) : sentence.npos;
        if (close != sentence.npos) {
            out += '`' + piece(sentence.substr(at + 1, close - at - 1), kLongestQuoted) + '`';
            at = close + 1;
        } else if (c == ' ' || c == '\n') {
            out += c;
            ++at;
        } else {
            const size_t end = std::min(sentence.find_first_of(" \n`", at + 1), sentence.size());
            out += piece(sentence.substr(at, end - at), kLongestWord);
            at = end;
        }
    }
    return cut(out, kLongestSentence);
}

}  // namespace gmc
