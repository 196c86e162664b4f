// Keeps bytes in memory: it is for files that are small beside the weights of a model.
#include "runtime/files/files_before.h"

#include <filesystem>
#include <utility>

#include "compiler/support/paths.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

bool FilesBefore::keep(const std::string& path, Diagnostics& diagnostics) {
    if (files_.contains(path)) return true;
    if (!is_there(path)) {
        files_[path] = std::nullopt;
        return true;
    }
    auto bytes = read_whole_file(path, uint64_t{1} << 32, diagnostics);
    if (!bytes.ok()) return false;
    files_[path] = bytes.take();
    return true;
}

void FilesBefore::keep_absence(const std::string& path) {
    if (!is_there(path)) files_.try_emplace(path, std::nullopt);
}

static std::set<std::string> names_in(const std::string& folder,
                                      const std::function<bool(std::string_view)>& is_kind) {
    std::set<std::string> names;
    for (const fs::path& path : paths_in(folder))
        if (is_kind(path.filename().string())) names.insert(path.filename().string());
    return names;
}

void FilesBefore::keep_names(const std::string& folder,
                             std::function<bool(std::string_view)> is_kind) {
    const std::set<std::string> before = names_in(folder, is_kind);
    names_[folder] = {std::move(is_kind), before};
}

void FilesBefore::forget() {
    files_.clear();
    renamed_.clear();
    names_.clear();
}

void FilesBefore::put_back() {
    Diagnostics unwritable;
    std::error_code ignored;
    for (const auto& [path, bytes] : files_) {
        if (!is_folder(fs::path(path).parent_path().string())) continue;
        if (bytes) {
            (void)write_file_atomically(path, *bytes, unwritable);
        } else if (is_regular(path)) {
            fs::remove(path, ignored);
            fs::remove(fs::path(path).parent_path(), ignored);  // only where it is empty
        }
    }
    for (const auto& [to, from] : renamed_)
        if (is_there(to) && !is_there(from)) fs::rename(to, from, ignored);
    for (const auto& [folder, names] : names_)
        for (const std::string& name : names_in(folder, names.is_kind))
            if (!names.before.contains(name)) fs::remove(fs::path(folder) / name, ignored);
    forget();
}

}  // namespace gmc::runtime
