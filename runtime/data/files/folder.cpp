// The listing of a folder, and the field that decodes its pictures.
#include "runtime/data/files/folder.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "runtime/data/array_field.h"
#include "runtime/data/files/image_file.h"
#include "runtime/data/files/resize.h"
#include "runtime/files/class_folders.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

struct Listing {
    std::vector<std::string> files;
    std::vector<float> classes;  ///< per file; empty without sub-folders
    std::vector<std::string> class_names;
};

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool report(const std::string& path, const std::string& text, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, text);
    return false;
}

/// Appends the pictures at any depth below `folder`, sorted by path.
bool list_pictures(const fs::path& folder, std::vector<std::string>& files,
                   Diagnostics& diagnostics) {
    std::error_code error;
    fs::recursive_directory_iterator entry(folder, error);
    std::vector<std::string> found;
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
        std::error_code ignored;
        const bool directory = entry->is_directory(ignored);
        if (directory && is_hidden(entry->path())) entry.disable_recursion_pending();
        if (directory || is_hidden(entry->path())) continue;
        if (has_image_name(entry->path().string())) found.push_back(entry->path().string());
    }
    if (error)
        return report(folder.string(), "cannot be read as a folder: " + error.message(),
                      diagnostics);
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
    return true;
}

/// The sub-folders and the pictures directly in it; both sorted.
bool list_folder(const std::string& path, std::vector<fs::path>& folders,
                 std::vector<std::string>& files, Diagnostics& diagnostics) {
    std::error_code error;
    fs::directory_iterator entry(path, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::error_code ignored;
        if (is_hidden(entry->path())) continue;
        if (entry->is_directory(ignored))
            folders.push_back(entry->path());
        else if (has_image_name(entry->path().string()))
            files.push_back(entry->path().string());
    }
    if (error) return report(path, "cannot be read as a folder: " + error.message(), diagnostics);
    std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
        return natural_less(a.filename().string(), b.filename().string());
    });
    std::sort(files.begin(), files.end());
    return true;
}

bool list(const std::string& path, Listing& listing, Diagnostics& diagnostics) {
    std::vector<fs::path> folders;
    if (!list_folder(path, folders, listing.files, diagnostics)) return false;
    if (!folders.empty() && !listing.files.empty())
        return report(path,
                      fmt::format("has pictures (`{}`) beside sub-folders (`{}`), so that their "
                                  "class is unknown",
                                  listing.files.front(), folders.front().string()),
                      diagnostics);
    for (const fs::path& folder : folders) {
        const size_t before = listing.files.size();
        if (!list_pictures(folder, listing.files, diagnostics)) return false;
        if (listing.files.size() == before)
            return report(folder.string(), "holds no .png, .jpg or .jpeg, but it is a class",
                          diagnostics);
        const auto label = static_cast<float>(listing.class_names.size());
        listing.classes.resize(listing.files.size(), label);
        listing.class_names.push_back(folder.filename().string());
    }
    return !listing.files.empty() || report(path, "holds no .png, .jpg or .jpeg", diagnostics);
}

uint64_t default_cache_bytes() {
    return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
           static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 4;
}

/// Decodes when asked, and keeps what it decoded where all fits.
class FolderField final : public Field {
  public:
    FolderField(const FolderOptions& options, std::vector<std::string> files)
        : Field(options.name, {options.height, options.width, options.channels},
                static_cast<int64_t>(files.size()), 0),
          options_(options),
          files_(std::move(files)),
          values_(options.range) {
        const uint64_t most = options.cache_bytes > 0 ? options.cache_bytes : default_cache_bytes();
        const auto example = static_cast<uint64_t>(elements());
        if (files_.size() > most / example) return;
        states_ = std::vector<std::atomic<uint8_t>>(files_.size());
        cache_.resize(files_.size() * example);
    }

    void read(int64_t index, float* dst) const override {
        if (states_.empty()) return convert(decode(index).pixels.data(), dst);
        std::atomic<uint8_t>& state = states_[static_cast<size_t>(index)];
        uint8_t* kept = cache_.data() + index * elements();
        if (state.load(std::memory_order_acquire) == kKept) return convert(kept, dst);
        const Image image = decode(index);
        uint8_t expected = kEmpty;
        // Two threads that decode the same picture: one keeps it, the other lets it go.
        if (state.compare_exchange_strong(expected, kBusy)) {
            std::copy(image.pixels.begin(), image.pixels.end(), kept);
            state.store(kKept, std::memory_order_release);
        }
        convert(image.pixels.data(), dst);
    }

    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override {
        read(index, dst);
        if (!options_.flip) return;
        const PhiloxCounter words =
            philox_block(static_cast<uint64_t>(index), static_cast<uint32_t>(pass.epoch),
                         kPhiloxFlipStream, pass.seed);
        if (words[0] >> 31) mirror(dst, options_.height, options_.width, options_.channels);
    }

  private:
    enum State : uint8_t { kEmpty, kBusy, kKept };

    Image decode(int64_t index) const {
        Diagnostics diagnostics;
        Result<Image> image = read_image(files_[static_cast<size_t>(index)], diagnostics);
        if (!image) throw DataError(diagnostics.list().front().text);
        return fit_image(*image, options_.height, options_.width, options_.channels, options_.crop);
    }
    void convert(const uint8_t* src, float* dst) const {
        values_.convert(src, static_cast<size_t>(elements()), dst);
    }

    const FolderOptions options_;
    const std::vector<std::string> files_;
    const ByteValues values_;
    // Filled by read(), which is const to all who look at it.
    mutable std::vector<std::atomic<uint8_t>> states_;
    mutable std::vector<uint8_t> cache_;
};

}  // namespace

Result<FolderFields> read_folder(const std::string& path, const FolderOptions& options,
                                 Diagnostics& diagnostics) {
    Listing listing;
    if (!list(path, listing, diagnostics)) return Failure{};
    FolderFields fields;
    fields.class_names = std::move(listing.class_names);
    if (!listing.classes.empty()) {
        FieldInfo info{options.name + "_label",
                       {},
                       static_cast<int64_t>(listing.files.size()),
                       static_cast<int64_t>(fields.class_names.size())};
        fields.label = std::make_shared<FloatField>(std::move(info), std::move(listing.classes));
    }
    fields.example = std::make_shared<FolderField>(options, std::move(listing.files));
    return fields;
}

}  // namespace gmc::runtime
