// Paths of data are relative to the working folder and not to the model's, since a model is
// compiled and trained from the same folder. Only `~` is replaced here.
#include "dsl/data/data_paths.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

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

std::string source_as_written(const std::string& text) {
    struct Ending {
        const char* end;
        const char* before;
        const char* behind;
    };
    static constexpr Ending kEndings[] = {
        {".npy", "npy: ", ""},
        {".npz", "npz: ", ""},
        {".csv", "csv: ", ""},
        {".csv.gz", "csv: ", ""},
        {".tsv", "csv: ", ""},
        {".txt", "csv: ", ""},
        {".wav", "wav: {file: ", ", rate: 16000, window: 1024}"},
        {".flac", "wav: {file: ", ", rate: 16000, window: 1024}"},
        {"-ubyte", "idx: ", ""},
        {"-ubyte.gz", "idx: ", ""},
        {"/", "folder: ", ", size: 64"},
        {"shapes", "synthetic: ", ""},
        {"ring", "synthetic: ", ""},
        {"swiss_roll", "synthetic: ", ""},
    };
    for (const Ending& row : kEndings)
        if (text.ends_with(row.end))
            return fmt::format("write `{{{}{}{}}}`", row.before, text, row.behind);
    std::error_code error;
    if (std::filesystem::is_directory(with_home(text), error))
        return fmt::format("write `{{folder: {}, size: 64}}`", text);
    if (text.find("mnist") != text.npos || text.find("MNIST") != text.npos)
        return "no data set is known by its name: `{idx: FILE}` reads the files of MNIST and of "
               "Fashion-MNIST, which is the package `dataset-fashion-mnist` of Debian and Ubuntu";
    return "write where the examples are, as in `{folder: pictures, size: 64}`, `{npy: x.npy}` or "
           "`{csv: table.csv}`";
}

}  // namespace gmc::dsl
