// Reads one array of an .npz, which is a zip of .npy files, through libzip.
#include "runtime/files/zip_entry.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <set>
#include <vector>

#include "compiler/support/edit_distance.h"
#include "compiler/support/wording.h"
#include "runtime/files/byte_source.h"

namespace gmc::runtime {
namespace {

constexpr std::string_view kSuffix = ".npy";

zip_t* as_zip(void* archive) { return static_cast<zip_t*>(archive); }
zip_file_t* as_file(void* file) { return static_cast<zip_file_t*>(file); }

/// The arrays of the zip by name, without ".npy".
std::vector<std::string> array_names(zip_t* archive) {
    std::vector<std::string> names;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
        const char* text = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
        const std::string_view name = text == nullptr ? "" : text;
        if (name.ends_with(kSuffix))
            names.emplace_back(name.substr(0, name.size() - kSuffix.size()));
    }
    return names;
}

/// The array that `key` means; "" after an error.
std::string choose(const std::string& path, const std::string& key,
                   const std::vector<std::string>& names, Diagnostics& diagnostics) {
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
        if (seen.insert(name).second) continue;
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "`{}` holds two arrays called `{}`, of which nothing says which is meant",
                          path, name);
        return "";
    }
    if (seen.count(key) > 0) return key;
    if (key.empty() && names.size() == 1) return names.front();
    constexpr size_t kMostListed = 20;
    std::string list;
    for (size_t i = 0; i < std::min(names.size(), kMostListed); ++i)
        list += fmt::format("{}`{}`", i == 0 ? "" : ", ", names[i]);
    if (names.empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` holds no arrays", path);
    } else if (key.empty()) {
        diagnostics
            .error(DiagnosticKind::kMissingKey, {}, "`{}` holds {} arrays; `key` says which", path,
                   names.size())
            .help("there are " + list);
    } else {
        const std::string near = nearest_name(key, names);
        diagnostics
            .error(DiagnosticKind::kUnknownName, {}, "`{}` has no array `{}`{}", path, key,
                   near.empty() ? "" : fmt::format("; did you mean `{}`?", near))
            .help(fmt::format("there {} {}", by_count(names.size(), "is", "are"), list));
    }
    return "";
}

}  // namespace

void ZipEntry::CloseArchive::operator()(void* archive) const { zip_discard(as_zip(archive)); }
void ZipEntry::CloseFile::operator()(void* file) const { zip_fclose(as_file(file)); }

/// How long the contents may be is bounded twice, by the size that the archive claims and by what
/// deflate can make of the bytes that are there; a reader then refuses a header that promises more.
Result<ZipEntry> ZipEntry::open(const std::string& path, const std::string& key,
                                Diagnostics& diagnostics) {
    // Opened as a plain file first: "not there" and "a directory" then read as for other files.
    Result<ByteSource> plain = ByteSource::open(path, diagnostics);
    if (!plain) return Failure{};
    ZipEntry entry;
    const auto bad = [&](const std::string& name, const char* reason) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is not a good zip file: {}", name,
                          reason);
        return Failure{};
    };
    int code = 0;
    entry.archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    zip_t* archive = as_zip(entry.archive_.get());
    if (archive == nullptr) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        const std::string reason = zip_error_strerror(&error);
        zip_error_fini(&error);
        return bad(path, reason.c_str());
    }
    const std::string array = choose(path, key, array_names(archive), diagnostics);
    if (array.empty()) return Failure{};
    const std::string& inside = entry.inside_ = array + std::string(kSuffix);
    entry.name_ = fmt::format("{}:{}", path, array);
    zip_stat_t stat;
    if (zip_stat(archive, inside.c_str(), 0, &stat) != 0)
        return bad(entry.name_, zip_strerror(archive));
    entry.compressed_ = stat.comp_method != ZIP_CM_STORE;
    // Both sizes are claims; the file's own size is not.
    const uint64_t packed = std::min<uint64_t>(stat.comp_size, plain->file_bytes());
    entry.content_bytes_most_ = std::min<uint64_t>(stat.size, packed * kDeflateRatioMost);
    entry.file_.reset(zip_fopen(archive, inside.c_str(), 0));
    if (!entry.file_) return bad(entry.name_, zip_strerror(archive));
    return entry;
}

Result<size_t> ZipEntry::read(void* dst, size_t size, Diagnostics& diagnostics) {
    size_t done = 0;
    while (done < size) {
        const zip_int64_t got =
            zip_fread(as_file(file_.get()), static_cast<char*>(dst) + done, size - done);
        if (got == 0) break;
        if (got < 0) {
            diagnostics.error(DiagnosticKind::kBadFile, {},
                              "`{}` is corrupt after byte {} of its contents: {}", name_, offset_,
                              zip_file_strerror(as_file(file_.get())));
            return Failure{};
        }
        done += static_cast<size_t>(got);
        offset_ += static_cast<uint64_t>(got);
    }
    return done;
}

}  // namespace gmc::runtime
