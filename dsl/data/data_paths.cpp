// The working folder counts, not the model's: a model is compiled and trained from the same place.
#include "dsl/data/data_paths.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "compiler/support/edit_distance.h"
#include "dsl/text/text_file.h"

namespace gmc::dsl {

namespace fs = std::filesystem;

std::string with_home(const std::string& path) {
    const char* home = std::getenv("HOME");
    if (!home || path.empty() || path[0] != '~' || (path.size() > 1 && path[1] != '/')) return path;
    return home + path.substr(1);
}

/// From outside to inside: if the folder is missing, that is all there is to say; otherwise a name
/// in it that is nearly the same is offered.
std::vector<std::string> where_looked(const std::string& path) {
    std::error_code error;
    if (fs::exists(path, error)) return {};
    std::vector<std::string> out;
    if (has_typographic_quote(path)) out.emplace_back(kQuoteHelp);
    const fs::path whole = fs::absolute(path, error), folder = whole.parent_path();
    if (!fs::is_directory(folder, error)) {
        out.push_back(fmt::format("there is no folder `{}`", folder.string()));
    } else {
        constexpr size_t kMostNames = 1000;  ///< folders of pictures may hold millions
        std::vector<std::string> names;
        for (fs::directory_iterator at(folder, error), end;
             !error && at != end && names.size() < kMostNames; at.increment(error))
            names.push_back(at->path().filename().string());
        const std::string near = nearest_name(whole.filename().string(), names);
        out.push_back(fmt::format("looked for in `{}`{}", folder.string(),
                                  near.empty() ? "" : fmt::format("; there is `{}`", near)));
    }
    if (path.find("-ubyte") != std::string::npos)
        out.push_back(
            "Fashion-MNIST is the package `dataset-fashion-mnist` of Debian and Ubuntu; its "
            "four files are also published as `fashion-mnist` by Zalando Research");
    return out;
}

}  // namespace gmc::dsl
