// One pass over the characters that keeps track of YAML's quotes, comments and brackets. It need
// not parse YAML: it only has to know which parentheses belong to an expression within brackets.
#include "dsl/text/parentheses.h"

#include <algorithm>
#include <string_view>

#include "dsl/text/malformed.h"

namespace gmc::dsl {
namespace {

/// The characters that are hidden, and the control characters that stand for them. These occur in
/// no model: text_file.cpp refuses files that hold any. To yaml-cpp, 4 is the end of the text.
constexpr std::string_view kHidden = ",[]{}", kInstead = "\x01\x02\x03\x05\x06";

/// Replaces each character of `from` in text[begin, end) by the one at the same place of `to`.
void exchange(std::string& text, size_t begin, size_t end, std::string_view from,
              std::string_view to) {
    for (size_t i = begin; i < end; ++i)
        if (const size_t k = from.find(text[i]); k != std::string_view::npos) text[i] = to[k];
}

/// The position after the parenthesis that closes the one at `open`. npos when the line ends first,
/// or when there are quotes in between: YAML has to see those.
size_t behind_parentheses(const std::string& text, size_t open) {
    int depth = 0;
    for (size_t i = open; i < text.size() && text[i] != '\n'; ++i) {
        if (text[i] == '"' || text[i] == '\'') return std::string::npos;
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return i + 1;
    }
    return std::string::npos;
}

/// The position after the `}` of the `${` at `at`; npos when there is none in the line, or what no
/// variable has comes before it.
size_t behind_variable(const std::string& text, size_t at) {
    const size_t end = text.find_first_of("}{[],:\"'\n", at + 2);
    return end != std::string::npos && text[end] == '}' ? end + 1 : std::string::npos;
}

}  // namespace

std::string hide_in_parentheses(const std::string& text) {
    std::string out = text;
    int depth = 0;  // how many brackets are open
    // Whether a key, a value or an item may begin here: only there do quotes and brackets have a
    // meaning to YAML (`it's` is a word).
    bool at_start = true;
    char before = '\n';
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool after_space = before == ' ' || before == '\n' || before == '\t';
        before = c;
        if (c == '#' && after_space) {
            i = std::min(text.find('\n', i), text.size()) - 1;
        } else if ((c == '"' || c == '\'') && at_start) {
            i = std::min(quoted_end(text, i), text.size()) - 1;
            at_start = false;
        } else if (text.compare(i, 2, "${") == 0 && depth > 0 &&
                   behind_variable(text, i) != std::string::npos) {
            const size_t end = behind_variable(text, i);
            exchange(out, i, end, kHidden, kInstead);
            i = end - 1;
            before = '}';
            at_start = false;
        } else if (c == '{' || c == '[') {
            depth += at_start || depth > 0 ? 1 : 0;
            at_start = true;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0 ? 1 : 0;
            at_start = false;
        } else if (c == '(' && depth > 0) {
            const size_t end = behind_parentheses(text, i);
            if (end != std::string::npos) {
                exchange(out, i, end, kHidden, kInstead);
                i = end - 1;
                before = ')';
            }
            at_start = false;
        } else if (c == '\n' || c == ',' || c == ':' || (c == '-' && after_space && at_start)) {
            at_start = true;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            at_start = false;
        }
    }
    return out;
}

std::string shown(std::string text) {
    exchange(text, 0, text.size(), kInstead, kHidden);
    return text;
}

}  // namespace gmc::dsl
