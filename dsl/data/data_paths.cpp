// Paths of data are relative to the working folder and not to the model's, since a model is
// compiled and trained from the same folder. Only `~` is replaced here.
#include "dsl/data/data_paths.h"

#include <cstdlib>

#include "dsl/text/text_file.h"
#include "runtime/files/missing_file.h"

namespace gmc::dsl {

std::string with_home(const std::string& path) {
    const char* home = std::getenv("HOME");
    if (!home || path.empty() || path[0] != '~' || (path.size() > 1 && path[1] != '/')) return path;
    return home + path.substr(1);
}

std::vector<std::string> where_looked(const std::string& path) {
    std::vector<std::string> out = runtime::where_looked(path);
    if (!out.empty() && has_typographic_quote(path)) out.insert(out.begin(), kQuoteHelp);
    return out;
}

}  // namespace gmc::dsl
