// Finds the file of a run, and knows the formats of earlier versions by their first bytes.
#include "runtime/weights/weight_file.h"

#include <filesystem>

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

Result<SafetensorsFile> open_weights(const std::string& wanted, Diagnostics& diagnostics) {
    const std::string path = existing(weight_file_of(wanted));
    const auto bytes = open_plain_bytes(path, diagnostics);
    if (!bytes.ok()) return Failure{};
    std::string magic(kCheckpointMagic.size() + 8, ' ');
    const auto got = (*bytes)->read(0, magic.data(), magic.size(), diagnostics);
    if (!got.ok()) return Failure{};
    if (!magic.starts_with(kCheckpointMagic)) return SafetensorsFile::open(path, diagnostics);
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` is a checkpoint in format {} of an earlier gmc; gmc {} reads format 3", path,
               magic.substr(kCheckpointMagic.size(), 1), GMC_VERSION)
        .help("start a new run, or name the checkpoint of this model");
    return Failure{};
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
