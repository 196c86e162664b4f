// Keeps checkpoints under other names: as hard links, which cost no space, put in place by
// renaming, so that each is whole or not there. Where there are no links, the file is copied.
#include "runtime/run/kept_checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/paths.h"
#include "compiler/support/temporary_files.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

namespace {
constexpr char kEnding[] = ".safetensors";
constexpr char kBest[] = "best";
}  // namespace

bool is_kept_checkpoint(const std::string& name) {
    return name.ends_with(kEnding) && (name.starts_with(kKeptStep) || name.starts_with(kBest));
}

bool keep_checkpoint_as(const std::string& run, const std::string& name, Diagnostics& diagnostics) {
    const std::string from = run + "/" + kCheckpointName, to = run + "/" + name;
    const std::string beside = temporary_name(to);
    std::error_code error;
    fs::create_directories(fs::path(to).parent_path(), error);
    fs::create_hard_link(from, beside, error);
    if (error) fs::copy_file(from, beside, fs::copy_options::overwrite_existing, error);
    if (!error) fs::rename(beside, to, error);
    std::error_code gone;  // where both are links to one file already, renaming leaves them there
    fs::remove(beside, gone);
    if (error)
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: {}", to,
                          error.message());
    return !error;
}

bool KeptCheckpoints::keep(int64_t step, Diagnostics& diagnostics) const {
    if (last_ > 1 &&
        !keep_checkpoint_as(folder_, fmt::format("checkpoints/{}{:08}{}", kKeptStep, step, kEnding),
                            diagnostics))
        return false;
    drop(step);
    return true;
}

void KeptCheckpoints::drop(int64_t step) const {
    std::error_code error;
    std::vector<std::pair<int64_t, fs::path>> kept;
    for (const auto& entry : fs::directory_iterator(folder_ + "/checkpoints", error))
        if (const std::string name = entry.path().filename().string();
            is_kept_checkpoint(name) && name.starts_with(kKeptStep))
            kept.emplace_back(std::atoll(name.c_str() + std::string_view(kKeptStep).size()),
                              entry.path());
    std::sort(kept.begin(), kept.end());
    const auto later = std::upper_bound(kept.begin(), kept.end(), step,
                                        [](int64_t at, const auto& one) { return at < one.first; });
    const std::ptrdiff_t stay = last_ > 1 ? last_ : 0;  // one is the checkpoint itself
    const auto first = later - std::min(stay, later - kept.begin());
    for (auto one = kept.begin(); one != kept.end(); ++one)
        if (one < first || one >= later) fs::remove(one->second, error);
    fs::remove(folder_ + "/checkpoints", error);  // only where it is empty
}

bool KeptCheckpoints::keep_best(Diagnostics& diagnostics) const {
    return keep_checkpoint_as(folder_, fmt::format("checkpoints/{}{}", kBest, kEnding),
                              diagnostics);
}

std::vector<std::string> kept_checkpoints(const std::string& run) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(run + "/checkpoints", error))
        if (is_kept_checkpoint(entry.path().filename().string()))
            names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

void help_with_kept_checkpoint(const std::string& run, Diagnostics& diagnostics) {
    const std::string last = run + "/" + kCheckpointName;
    Diagnostics ignored;
    if (!is_there(last) || read_checkpoint_header(last, ignored).ok()) return;
    std::vector<std::string> names = kept_checkpoints(run);
    std::reverse(names.begin(), names.end());  // "best" is before "step-"
    for (const std::string& name : names) {
        const auto header = read_checkpoint_header(run + "/checkpoints/" + name, ignored);
        if (!header.ok()) continue;
        diagnostics.note_last(
            {}, fmt::format("`{}/checkpoints/{}`, of step {}, is whole: --resume goes on from it "
                            "once it is copied to `{}`; other commands take it by --checkpoint "
                            "checkpoints/{}",
                            run, name, header->training.step, last,
                            name.substr(0, name.rfind(kEnding))));
        return;
    }
    if (!diagnostics.list().back().helps.empty()) return;
    diagnostics.note_last(
        {},
        "no other checkpoint of the run is there to take its place (`keep: {last: 3}` in the "
        "model keeps some): put a copy back, or begin a new run, here with --overwrite");
}

}  // namespace gmc::runtime
