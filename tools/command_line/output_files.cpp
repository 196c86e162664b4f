// Compares places, not names: a file that is read may have several, through links and detours.
#include "tools/command_line/output_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "compiler/support/paths.h"
#include "runtime/files/run_names.h"

namespace gmc::tools {
namespace {

namespace fs = std::filesystem;

/// How files of a kind begin, behind so many bytes of any value.
struct Kind {
    std::string_view ending, begin;
    size_t from = 0;
    const char* what;
};
constexpr std::array kKinds = {
    Kind{".gmc", "gmc ", 0, "compiled model"},
    Kind{".png", "\x89PNG", 0, "PNG"},
    Kind{".npy", "\x93NUMPY", 0, "array of NumPy"},
    Kind{".npz", "PK", 0, "archive of arrays"},
    Kind{".wav", "RIFF", 0, "sound"},
    Kind{".json", "{\"displayTimeUnit\"", 0, "trace"},
    Kind{".onnx", "\x08", 0, "ONNX model"},
    Kind{".safetensors", "{", 8, "safetensors file"},
};

/// The kind that the ending of `path` promises, where what is there is not of it; else null. Empty
/// files are of any kind, devices and pipes have no contents.
const Kind* other_kind(const std::string& path) {
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const Kind& one) { return path.ends_with(one.ending); });
    if (kind == kKinds.end() || !is_regular(path)) return nullptr;
    std::string bytes(kind->from + kind->begin.size(), '\0');
    std::ifstream in(path, std::ios::binary);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto got = static_cast<size_t>(in.gcount());
    return got == 0 || bytes.substr(std::min(kind->from, got), got) == kind->begin ? nullptr
                                                                                   : &*kind;
}

/// The path without links and detours; of what is not there, as far as its folders are.
fs::path place_of(const std::string& path, std::error_code& error) {
    const fs::path whole = fs::absolute(path, error);
    return error ? whole : fs::weakly_canonical(whole, error);
}

/// The folder of the run that has, or would have, the file `path` of its training; "" where it is
/// none. Files that commands write beside them, such as samples.png, are no such.
std::string run_that_has(const std::string& path) {
    std::error_code error;
    const fs::path file = place_of(path, error);
    if (error) return "";
    const std::string name = file.filename().string();
    const std::string folder = file.parent_path().string();
    const std::string inside = file.parent_path().filename().string();
    const bool is_tensors = name.ends_with(".safetensors");
    if (runtime::is_folder_of_run(folder)) {
        for (const char* own :
             {"model.gmc", "run.json", "metrics.jsonl", ".lock", runtime::kCheckpointName,
              runtime::kOldCheckpointName, "rollback.safetensors"})
            if (name == own) return folder;
        if (name.ends_with(".replay") ||
            (name.starts_with("events.out.") && !name.ends_with(".exported")))
            return folder;
    }
    for (fs::path above = file.parent_path(); above.has_relative_path();
         above = above.parent_path()) {
        const std::string outer = above.parent_path().string();
        const std::string hidden = above.filename().string();
        if (hidden.starts_with(runtime::kReplaced) || hidden == runtime::kDiverged) return outer;
    }
    const std::string outer = file.parent_path().parent_path().string();
    const bool is_inside = (inside == "checkpoints" && is_tensors) ||
                           (inside == "samples" && runtime::kSamplesName.number_in(name));
    return is_inside && runtime::is_folder_of_run(outer) ? outer : "";
}

}  // namespace

bool lies_in(const std::string& path, const std::string& folder) {
    std::error_code error;
    if (fs::equivalent(path, folder, error) && !error) return true;
    if (!is_folder(folder)) return false;
    std::string place = place_of(folder, error).string();
    if (!place.ends_with('/')) place += '/';
    return !error && place_of(path, error).string().starts_with(place) && !error;
}

void check_ending(const CommandLine& line, const std::string& option,
                  std::initializer_list<std::string_view> endings) {
    if (!line.has(option)) return;
    const std::string name = line.text(option);
    const auto fits = [&](std::string_view ending) { return name.ends_with(ending); };
    if (std::any_of(endings.begin(), endings.end(), fits)) return;
    const bool is_device = is_there(name) && !is_regular(name) && !is_folder(name);
    if (endings.size() == 1 && (is_device || name.starts_with("/dev/"))) return;
    throw UsageError(fmt::format("--{} `{}` does not end in {}{}", option, name,
                                 endings.size() > 1 ? "one of " : "", fmt::join(endings, ", ")));
}

OutputFiles::OutputFiles(std::vector<std::string> read) : read_(std::move(read)) {
    std::erase(read_, "");
}

bool OutputFiles::may_write(const std::string& path, Diagnostics& diagnostics) const {
    const auto refuse = [&](const std::string& why) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is not written: {}", path, why)
            .help("give what is written another name");
        return false;
    };
    if (const std::string run = run_that_has(path); !run.empty())
        return refuse("it is a file of a run's training");
    for (const std::string& read : read_)
        if (lies_in(path, read))
            return refuse(is_folder(read) ? fmt::format("this command reads what is in `{}`", read)
                                          : "this command reads it");
    if (const Kind* kind = other_kind(path))
        return refuse(fmt::format("what is there is no {}", kind->what));
    return true;
}

}  // namespace gmc::tools
