// Sets a run aside and brings it back. While files are being moved, in either direction, the hidden
// folder is called `.replaced.part`, and whoever finds it moves them back. It becomes `.replaced`
// by one rename when it has all of them, so a kill at any moment leaves nothing lost.
#include "runtime/run/run_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/files/run_names.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/replay.h"
#include "runtime/tensorboard/event_file.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

constexpr char kModel[] = "model.gmc";

std::string whole(const std::string& folder) { return folder + "/" + kReplaced; }
std::string part(const std::string& folder) { return whole(folder) + ".part"; }

bool is_picture(const std::string& name) { return kSamplesName.number_in(name).has_value(); }

/// The names in `folder`, relative to it, of what its run wrote; the checkpoint is the last, so
/// that a folder that has it has all.
std::vector<std::string> files_of_run(const std::string& folder) {
    std::vector<std::string> names;
    const auto add_from = [&](const std::string& inside, auto&& is_ours) {
        for (const fs::path& path : paths_in(inside.empty() ? folder : folder + "/" + inside)) {
            const std::string name = path.filename().string();
            if (is_ours(name) && is_regular(path.string()))
                names.push_back(inside.empty() ? name : inside + "/" + name);
        }
    };
    add_from("checkpoints", is_kept_checkpoint);
    add_from("samples", is_picture);
    add_from("tensorboard", tensorboard::is_event_file);
    add_from("", [](const std::string& name) {
        return tensorboard::is_event_file(name) || is_replay(name);
    });
    for (const char* name :
         {"metrics.jsonl", "run.json", kWayBackName, kOldCheckpointName, kCheckpointName})
        if (is_there(folder + "/" + name)) names.push_back(name);
    return names;
}

void remove_empty_folders(const std::string& folder) {
    std::error_code ignored;
    for (const char* name : {"checkpoints", "samples", "tensorboard"})
        fs::remove(folder + "/" + name, ignored);  // only where it is empty
}

/// Moves the files of a run from one folder to another; the first error ends it.
std::error_code move_run(const std::string& from, const std::string& to) {
    std::error_code error;
    for (const std::string& name : files_of_run(from)) {
        fs::create_directories(fs::path(to + "/" + name).parent_path(), error);
        if (!error) fs::rename(from + "/" + name, to + "/" + name, error);
        if (error) return error;
    }
    remove_empty_folders(from);
    return error;
}

/// Moves what is in `.replaced.part` to its old places.
std::error_code move_back(const std::string& folder) {
    const std::string from = part(folder);
    std::error_code error;
    if (is_there(from + "/" + kModel))
        fs::rename(from + "/" + kModel, folder + "/" + kModel, error);
    if (!error) error = move_run(from, folder);
    if (!error) fs::remove_all(from, error);
    return error;
}

}  // namespace

bool leads_away(const std::string& path) {
    std::error_code error;
    return fs::is_symlink(path, error) && is_there(path) && !is_regular(path);
}

/// Files that are written by renaming take the place of a link to a file; the lock and the metrics
/// are written in their place.
bool keeps_to_itself(const std::string& folder, Diagnostics& diagnostics) {
    const std::set<std::string> in_place = {".lock", "metrics.jsonl"};
    const std::set<std::string> folders = {"checkpoints", "samples", "tensorboard",
                                           kReplaced,     kDiverged, part("").substr(1)};
    const std::set<std::string> files = {"run.json", kModel, kWayBackName, kOldCheckpointName,
                                         kCheckpointName};
    std::error_code error, none;
    fs::recursive_directory_iterator at(folder, error), end;
    for (; !error && at != end; at.increment(error)) {
        const std::string path = at->path().string(), name = at->path().filename().string();
        if (!folders.contains(name)) at.disable_recursion_pending();
        const bool own = folders.contains(name) || files.contains(name) || is_replay(name) ||
                         is_kept_checkpoint(name) || is_picture(name) ||
                         tensorboard::is_event_file(name);
        if (in_place.contains(name) ? !fs::is_symlink(path, none) : !own || !leads_away(path))
            continue;
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` is a symbolic link: what a run writes stays in its folder", path)
            .help("put there what the link leads to, or remove it");
        return false;
    }
    return true;
}

/// Without what an earlier one left that diverged.
static void remove_files(const std::string& folder) {
    std::error_code ignored;  // what cannot be removed is an error when it is written
    for (const std::string& name : files_of_run(folder)) fs::remove(folder + "/" + name, ignored);
    remove_empty_folders(folder);
}

void remove_run(const std::string& folder) {
    std::error_code ignored;
    fs::remove_all(folder + "/" + kDiverged, ignored);
    remove_files(folder);
}

/// Copies a file so that it is there whole or not at all.
static std::error_code copy_whole(const std::string& from, const std::string& to) {
    std::error_code error;
    fs::create_hard_link(from, to, error);  // nothing changes a model in its place
    if (!error) return error;
    fs::copy_file(from, to + ".part", fs::copy_options::overwrite_existing, error);
    if (!error) fs::rename(to + ".part", to, error);
    return error;
}

/// The model is copied, not moved: the new run may be about to read it there.
bool set_run_aside(const std::string& folder, Diagnostics& diagnostics) {
    const std::string model = folder + "/" + kModel, to = part(folder);
    std::error_code error;
    fs::create_directory(to, error);
    if (!error && is_there(model)) error = copy_whole(model, to + "/" + kModel);
    if (!error) error = move_run(folder, to);
    if (!error) fs::rename(to, whole(folder), error);
    if (!error) return true;
    diagnostics
        .error(kind_of_write_error(error.value()), {}, "the run in `{}` cannot be set aside: {}",
               folder, error.message())
        .help("it stays as it is; name another folder with --run");
    move_back(folder);
    return false;
}

bool has_run_aside(const std::string& folder) {
    return is_folder(whole(folder)) || is_folder(part(folder));
}

void remove_run_aside(const std::string& folder) {
    std::error_code ignored;
    fs::remove_all(whole(folder), ignored);
}

/// Moves what a run that diverged wrote out of the way; whether there was one.
static bool keep_diverged(const std::string& folder) {
    const std::string to = folder + "/" + kDiverged;
    const std::vector<std::string> names = files_of_run(folder);
    if (std::none_of(names.begin(), names.end(), is_replay)) return false;
    std::error_code error;
    fs::remove_all(to, error);
    fs::create_directory(to, error);
    if (!error) error = copy_whole(folder + "/" + kModel, to + "/" + kModel);
    return !error && !move_run(folder, to);
}

void bring_run_back(const std::string& folder) {
    std::error_code error;
    bool diverged = false;
    if (!is_folder(part(folder))) {
        diverged = keep_diverged(folder);
        if (!diverged) remove_files(folder);
        fs::rename(whole(folder), part(folder), error);
    }
    if (!error) error = move_back(folder);
    if (error)
        say("`{}` keeps in `{}` the run that was to be replaced: {}\n", folder, kReplaced,
            error.message());
    else
        say("the run in `{}` is back: the one that was to replace it ended before its first "
            "checkpoint{}\n",
            folder,
            diverged ? fmt::format("; what it wrote is in `{}/{}`", folder, kDiverged) : "");
}

bool has_trained(const std::string& folder) {
    Diagnostics unreadable;
    if (!has_checkpoint(folder)) return false;
    const auto header = read_checkpoint_header(folder + "/" + kCheckpointName, unreadable);
    return !header.ok() || header->training.step > 0;
}

void settle_run_aside(const std::string& folder) {
    if (is_folder(part(folder)) || !has_trained(folder)) bring_run_back(folder);
}

}  // namespace gmc::runtime
