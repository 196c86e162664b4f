// Lists the pictures of a folder and their classes: one pass over the folder and each class.
// 200,000 names take a fraction of a second.
#include "runtime/data/pictures/picture_list.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "compiler/support/stop_work.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/files/class_folders.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// More endings than this are "and others".
constexpr size_t kEndingsSaid = 6;
constexpr std::string_view kNotBuiltEnding = " (not read by this build)";

bool is_hidden(const fs::path& path) { return is_hidden_name(path.filename().string()); }

bool report(const std::string& path, const std::string& text, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, text);
    return false;
}

/// "10 files are left out: 6 .webp, 4 .txt"
std::string describe(const std::map<std::string, int64_t>& left_out) {
    int64_t all = 0;
    std::vector<std::pair<int64_t, std::string>> endings;
    for (const auto& [ending, count] : left_out) {
        all += count;
        endings.emplace_back(-count, ending);
    }
    std::sort(endings.begin(), endings.end());
    std::string text = fmt::format("{} file{} left out:", all, all == 1 ? " is" : "s are");
    for (size_t i = 0; i < std::min(endings.size(), kEndingsSaid); ++i)
        text += fmt::format("{} {} {}", i == 0 ? "" : ",", -endings[i].first, endings[i].second);
    return text + (endings.size() > kEndingsSaid ? " and others" : "");
}

/// Fills a PictureList.
class Lister {
  public:
    Lister(PictureList& list, Diagnostics& diagnostics) : list_(list), diagnostics_(diagnostics) {}

    bool run(const std::string& path) {
        std::vector<fs::path> folders;
        if (!list_top(path, folders)) return false;
        if (!folders.empty() && !list_.files.empty())
            return report(path,
                          fmt::format("has pictures (`{}`) beside sub-folders (`{}`), so that "
                                      "their class is unknown",
                                      list_.files.front(), folders.front().string()),
                          diagnostics_);
        for (const fs::path& folder : folders)
            if (!list_class(folder)) return false;
        return !list_.files.empty() || report_none(path, "");
    }

  private:
    /// The sub-folders and the pictures directly in `path`; both sorted.
    bool list_top(const std::string& path, std::vector<fs::path>& folders) {
        std::error_code error;
        fs::directory_iterator entry(path, error);
        for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
            check_work_stop();
            std::error_code ignored;
            if (is_hidden(entry->path())) continue;
            if (entry->is_directory(ignored) && leads_back(entry->path()))
                ++list_.left_out["link back to the folder"];
            else if (entry->is_directory(ignored))
                folders.push_back(entry->path());
            else
                take(entry->path(), list_.files);
        }
        if (error) {
            Diagnostic& failed =
                diagnostics_.error(DiagnosticKind::kBadFile, {},
                                   "`{}` cannot be read as a folder: {}", path, error.message());
            std::error_code ignored;
            if (fs::is_regular_file(path, ignored))
                failed.help("it is a file: `idx`, `npy`, `npz`, `csv` and `wav` read files");
            return false;
        }
        std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
            return natural_less(a.filename().string(), b.filename().string());
        });
        std::sort(list_.files.begin(), list_.files.end());
        return true;
    }

    bool list_class(const fs::path& folder) {
        std::error_code error;
        fs::recursive_directory_iterator entry(folder, error);
        std::vector<std::string> found;
        for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
            check_work_stop();
            std::error_code ignored;
            const bool directory = entry->is_directory(ignored), hidden = is_hidden(entry->path());
            if (directory && hidden) entry.disable_recursion_pending();
            if (directory && !hidden && entry->is_symlink(ignored))
                ++list_.left_out["link to a folder"];
            if (!directory && !hidden) take(entry->path(), found);
        }
        if (error)
            return report(folder.string(), "cannot be read as a folder: " + error.message(),
                          diagnostics_);
        if (found.empty()) return report_none(folder.string(), ", but it is a class");
        std::sort(found.begin(), found.end());
        list_.files.insert(list_.files.end(), found.begin(), found.end());
        list_.classes.resize(list_.files.size(), static_cast<float>(list_.class_names.size()));
        list_.class_names.push_back(folder.filename().string());
        return true;
    }

    /// A picture goes to `files`, another file is counted.
    void take(const fs::path& path, std::vector<std::string>& files) {
        const PictureName name = judge_picture_name(path.native());
        if (name == PictureName::kPicture) return files.push_back(path.string());
        std::string ending = path.extension().string();
        std::transform(ending.begin(), ending.end(), ending.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (ending.empty()) ending = "without an ending";
        ++list_.left_out[name == PictureName::kNotBuilt ? ending.append(kNotBuiltEnding) : ending];
    }

    bool report_none(const std::string& path, const std::string& but) {
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}` holds no pictures{}", path, but);
        if (!list_.left_out.empty()) error.help(describe(list_.left_out));
        if (!but.empty())
            error.help(
                "a folder that is no class goes elsewhere, or gets a name that begins with `.`");
        return false;
    }

    PictureList& list_;
    Diagnostics& diagnostics_;
};

/// Whether this is what people call the parts of their data, and no class.
bool is_part_name(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    static constexpr std::string_view kParts[] = {"train", "training",   "test",  "testing",
                                                  "val",   "validation", "valid", "eval"};
    return std::find(std::begin(kParts), std::end(kParts), name) != std::end(kParts);
}

/// Warns where all classes have names of parts: then the test data are learnt, too.
void warn_of_parts(const std::string& path, const std::vector<std::string>& classes,
                   Diagnostics& diagnostics) {
    if (classes.size() < 2 || !std::all_of(classes.begin(), classes.end(), is_part_name)) return;
    const auto train = std::find_if(classes.begin(), classes.end(), [](const std::string& name) {
        return name.find("rain") != std::string::npos;
    });
    diagnostics
        .warning(DiagnosticKind::kBadValue, {},
                 "`{}`: the sub-folders `{}` are taken for classes, and the pictures of all of "
                 "them are read",
                 path, fmt::join(classes, "`, `"))
        .help(fmt::format("`folder: {0}/{1}` reads those of one; under `test:` another is named",
                          path, train == classes.end() ? classes[0] : *train));
}

}  // namespace

bool list_pictures(const std::string& path, PictureList& list, Diagnostics& diagnostics) {
    if (!Lister(list, diagnostics).run(path)) return false;
    warn_of_parts(path, list.class_names, diagnostics);
    if (list.left_out.empty()) return true;
    Diagnostic& warning = diagnostics.warning(DiagnosticKind::kBadFile, {}, "`{}`: {}", path,
                                              describe(list.left_out));
    const bool not_built = std::any_of(list.left_out.begin(), list.left_out.end(), [](auto& kind) {
        return kind.first.ends_with(kNotBuiltEnding);
    });
    if (not_built) warning.help("tools/packages installs the libraries that were missing");
    return true;
}

}  // namespace gmc::runtime
