// Finds the file of a run, and knows the formats of earlier versions by their first bytes.
#include "runtime/weights/weight_file.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compiler/support/paths.h"
#include "runtime/files/random_bytes.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

bool has_checkpoint(const std::string& folder) {
    std::error_code error;
    return fs::exists(folder + "/" + kCheckpointName, error) ||
           fs::exists(folder + "/" + kOldCheckpointName, error);
}

std::string weight_file_of(const std::string& path) {
    std::error_code error;
    return fs::is_directory(path, error) ? path + "/" + kCheckpointName : path;
}

/// A run that an earlier gmc trained has a file of another name.
static std::string existing(const std::string& path) {
    std::error_code error;
    const fs::path old = fs::path(path).parent_path() / kOldCheckpointName;
    const bool is_old = fs::path(path).filename() == kCheckpointName && !fs::exists(path, error) &&
                        fs::exists(old, error);
    return is_old ? old.string() : path;
}

/// A folder that is there, without a checkpoint: says so.
static bool lacks_checkpoint(const std::string& path, Diagnostics& diagnostics) {
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    if (fs::path(path).filename() != kCheckpointName || fs::exists(path, error) ||
        !fs::is_directory(folder, error))
        return false;
    if (folder.filename() == kCheckpointName) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is a folder, not a file with weights",
                          folder.string());
        return true;
    }
    std::string kept;  // the last one
    for (const fs::path& each : paths_in(folder / "checkpoints"))
        kept = std::max(kept, each.string());
    diagnostics
        .error(DiagnosticKind::kBadFile, {}, "`{}` has no {}", folder.string(), kCheckpointName)
        .help(kept.empty() ? "the folder of a run has one after its first epoch, or as "
                             "--checkpoint-every says, unless training diverges before"
                           : fmt::format("it keeps `{}`: name that file", kept));
    return true;
}

/// Where the JSON of a safetensors file begins.
static constexpr size_t kHeaderBegin = 8;

/// Files that people give for weights, by how they begin: says what makes a safetensors file.
static bool is_of_another_kind(const std::string& path, std::string_view begin,
                               Diagnostics& diagnostics) {
    if (begin[kHeaderBegin] == '{') return false;         // the length before it may be anything
    const bool is_archive = begin.starts_with("PK\3\4");  // .pt, .pth, .npz, .keras
    const bool is_pickle = begin.starts_with("\x80\2");
    const bool is_hdf5 = begin.starts_with("\x89HDF");
    const bool is_module = begin.starts_with("gmc ");
    if (!is_archive && !is_pickle && !is_hdf5 && !is_module) return false;
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is no safetensors file but {}", path,
                          is_module   ? "a compiled model"
                          : is_hdf5   ? "one of HDF5"
                          : is_pickle ? "a pickle of Python"
                                      : "a zip archive, such as PyTorch's .pt and NumPy's .npz");
    if (is_module)
        error.help("name the folder of its run");
    else
        error.help("in Python, `safetensors.torch.save_file(model.state_dict(), FILE)` writes one");
    return true;
}

Result<SafetensorsFile> open_weights(const std::string& wanted, Diagnostics& diagnostics) {
    const std::string path = existing(weight_file_of(wanted));
    if (lacks_checkpoint(path, diagnostics)) return Failure{};
    const auto bytes = open_plain_bytes(path, diagnostics);
    if (!bytes.ok()) return Failure{};
    std::string magic(kCheckpointMagic.size() + 8, ' ');
    const auto got = (*bytes)->read(0, magic.data(), magic.size(), diagnostics);
    if (!got.ok() || is_of_another_kind(path, magic, diagnostics)) return Failure{};
    if (!magic.starts_with(kCheckpointMagic)) return SafetensorsFile::open(path, diagnostics);
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` is a checkpoint in format {} of an earlier gmc; gmc {} reads format 3", path,
               magic.substr(kCheckpointMagic.size(), 1), GMC_VERSION)
        .help("start a new run, or name the checkpoint of this model");
    return Failure{};
}

bool is_never_negative(const std::string& name) {
    if (name.ends_with(".moving_variance")) return true;
    const size_t entry = std::string_view("optimizer.").size();
    const size_t slot = name.find('.', entry);
    return name.starts_with("optimizer.") && slot != std::string::npos &&
           (name.compare(slot, 3, ".v.") == 0 || name.substr(slot) == ".updates");
}

bool can_be(const std::string& state, std::span<const float> numbers, const SafetensorsFile& file,
            const std::string& name, Diagnostics& diagnostics) {
    const auto none_is = [&](const char* what, auto&& is_bad) {
        if (std::none_of(numbers.begin(), numbers.end(), is_bad)) return true;
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}`: `{}` has a number that is {}",
                          file.path(), name, what);
        return false;
    };
    return none_is("not finite, or too large for f32",
                   [](float one) { return !std::isfinite(one); }) &&
           (!is_never_negative(state) ||
            none_is("below 0, as none ever is", [](float one) { return one < 0; }));
}

Result<std::string> verified_checksum(const SafetensorsFile& file, Diagnostics& diagnostics) {
    auto computed = file.computed_checksum(diagnostics);
    if (!computed.ok()) return Failure{};
    const std::string* stated = file.metadata(SafetensorsFile::kChecksum);
    if (stated == nullptr || stated->ends_with(*computed)) return computed;
    (void)file.verify(diagnostics);  // says so
    return Failure{};
}

}  // namespace gmc::runtime
