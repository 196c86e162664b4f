// Breaks a long line at spaces, for help and reference texts on terminals of 80 columns.
#include "compiler/support/wrap.h"

#include <algorithm>

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

}  // namespace gmc
