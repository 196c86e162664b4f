// Makes hints for a missing file. If its folder is missing, too, that is all there is to say;
// otherwise a name in the folder that is nearly the same is offered.
#include "runtime/files/missing_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "compiler/support/edit_distance.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

std::vector<std::string> where_looked(const std::string& path) {
    std::error_code error;
    if (fs::exists(path, error)) return {};
    for (const char* scheme : {"http:/", "https:/", "s3:/", "gs:/", "ftp:/", "file:/"})
        if (path.starts_with(scheme))
            return {
                "it is an address: data are read from files and folders, so download them first"};
    std::vector<std::string> out;
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

}  // namespace gmc::runtime
