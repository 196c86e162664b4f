// Looks for runs in `runs/`, beside the path, in it and above it.
#include "tools/gmrun/runs/missing_run.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "compiler/support/edit_distance.h"
#include "compiler/support/paths.h"
#include "compiler/support/wording.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {
namespace {

namespace fs = std::filesystem;

bool holds_run(const fs::path& folder) {
    return is_there((folder / "model.gmc").string()) || is_there((folder / "run.json").string());
}

/// Adds the runs and the compiled models of a folder, as paths.
void add_from(const fs::path& folder, std::vector<std::string>& out) {
    for (const fs::path& each : paths_in(folder.empty() ? "." : folder)) {
        const fs::path path = folder / each.filename();
        const bool model = path.extension() == ".gmc" && is_regular(path.string());
        if (model || (is_folder(path.string()) && holds_run(path))) out.push_back(path.string());
    }
}

std::string name_of(const std::string& path) {
    const fs::path whole(path);
    return whole.has_filename() ? whole.filename().string()
                                : whole.parent_path().filename().string();  // `runs/vae/`
}

/// The one of the same name in another folder, else the one with the nearest name; "" when none is
/// near.
std::string nearest(const std::string& path, const std::vector<std::string>& known) {
    const std::string name = name_of(path);
    std::vector<std::string> names;
    for (const std::string& other : known) names.push_back(name_of(other));
    const auto same = std::find(names.begin(), names.end(), name);
    const std::string near = same != names.end() ? name : nearest_name(name, names);
    const auto found = std::find(names.begin(), names.end(), near);
    return found == names.end() ? "" : known[static_cast<size_t>(found - names.begin())];
}

}  // namespace

Failure no_such_run(const std::string& path, Diagnostics& diagnostics) {
    constexpr size_t kMostListed = 8;
    const fs::path whole(path), parent = whole.parent_path();
    const bool folder = is_folder(path);
    std::vector<std::string> known;
    if (folder) add_from(whole, known);
    add_from("runs", known);
    add_from(parent, known);
    if (!parent.empty()) add_from("", known);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::string meant = folder && holds_run(parent) ? parent.string() : nearest(path, known);
    for (const char* ending : {".yaml", ".yml"})
        if (const fs::path text = fs::path(whole).replace_extension(ending);
            whole.extension() == ".gmc" && is_regular(text.string()))
            return diagnostics.error(DiagnosticKind::kBadFile, {}, "there is no `{}`", path)
                       .help(fmt::format("`gmc compile {}{}` makes it", text.string(),
                                         parent.empty() ? "" : " -o " + path)),
                   Failure{};
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kBadFile, {}, "{}{}",
        folder ? fmt::format("`{}` holds no run", path) : fmt::format("there is no `{}`", path),
        meant.empty() ? "" : fmt::format("; did you mean `{}`?", meant));
    if (!meant.empty()) return {};
    if (known.empty())
        return error.help(
                   "there are no runs in `runs/` of this folder; `gmrun train model.gmc` "
                   "makes one"),
               Failure{};
    const size_t more = known.size() > kMostListed ? known.size() - kMostListed : 0;
    known.resize(known.size() - more);
    error.help(
        fmt::format("{} {}{}", by_count(known.size(), "there is only", "runs and models here are"),
                    quoted_names(known), more > 0 ? fmt::format(", and {} more", more) : ""));
    return {};
}

bool expect_run(const std::string& path, Diagnostics& diagnostics) {
    const fs::path file(path), folder = file.parent_path();
    if (is_regular(path) && file.extension() != ".gmc" && holds_run(folder)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` is one file of a run, not the run", path)
            .help(fmt::format("the run is `{}`", folder.string()));
        return false;
    }
    if (is_folder(path) ? holds_run(path) : is_there(path)) return true;
    no_such_run(path, diagnostics);
    return false;
}

}  // namespace gmc::tools
