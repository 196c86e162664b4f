// A field that decodes the pictures of a folder when they are asked for, keeps them as bytes if all
// fit, and collects what is to be warned of.
#include "runtime/data/pictures/folder.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "runtime/data/array_field.h"
#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/data/pictures/picture_list.h"
#include "runtime/kernels/philox.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {
namespace {

/// What was found while pictures were decoded, each once. Threads share it.
class Findings {
  public:
    /// The reason why the picture `index` is left out, if it is known already.
    const std::string* find_bad(int64_t index) const {
        const std::lock_guard lock(mutex_);
        const auto found = bad_.find(index);
        return found == bad_.end() ? nullptr : &found->second;
    }
    void add_bad(int64_t index, const std::string& reason) {
        const std::lock_guard lock(mutex_);
        bad_.emplace(index, reason);
    }
    void add_transparent(int64_t index) {
        const std::lock_guard lock(mutex_);
        transparent_.insert(index);
    }
    void add_warnings(const FolderOptions& options, const std::vector<std::string>& files,
                      Diagnostics& diagnostics) const {
        const std::lock_guard lock(mutex_);
        if (!bad_.empty())
            diagnostics
                .warning(DiagnosticKind::kBadFile, {},
                         "`data.{}`: {} could not be read and {} left out", options.name,
                         pictures(bad_.size()), bad_.size() == 1 ? "was" : "were")
                .help(fmt::format("the first: {}", bad_.begin()->second));
        if (!transparent_.empty())
            diagnostics
                .warning(
                    DiagnosticKind::kBadValue, {},
                    "`data.{}`: {} transparent in places and laid over black, such as `{}`",
                    options.name,
                    pictures(transparent_.size()) + (transparent_.size() == 1 ? " is" : " are"),
                    files[static_cast<size_t>(*transparent_.begin())])
                .help(
                    "`ground: white` lays them over white, `channels: 4` keeps what is seen "
                    "through");
    }

  private:
    static std::string pictures(size_t count) {
        return fmt::format("{} picture{}", count, count == 1 ? "" : "s");
    }

    mutable std::mutex mutex_;
    std::map<int64_t, std::string> bad_;  ///< reasons by number; nodes stay where they are
    std::set<int64_t> transparent_;
};

/// Decodes when asked, and keeps what it decoded where all fits.
class FolderField final : public Field {
  public:
    FolderField(const FolderOptions& options, std::vector<std::string> files)
        : Field(options.name, {options.fit.height, options.fit.width, options.fit.channels},
                static_cast<int64_t>(files.size()), 0),
          options_(options),
          files_(std::move(files)),
          values_(options.range) {
        const uint64_t most = options.cache_bytes > 0 ? options.cache_bytes : memory_for_data();
        const auto example = static_cast<uint64_t>(elements());
        if (files_.size() > most / example) return;
        states_ = std::vector<std::atomic<uint8_t>>(files_.size());
        // Not filled with zeros: a page of it takes memory only when a picture is written into it.
        cache_ = std::make_unique_for_overwrite<uint8_t[]>(files_.size() * example);
    }

    std::string file_of(int64_t index) const override { return files_[static_cast<size_t>(index)]; }

    void read(int64_t index, float* dst) const override {
        if (states_.empty()) return convert(decode(index).pixels.data(), dst);
        std::atomic<uint8_t>& state = states_[static_cast<size_t>(index)];
        uint8_t* kept = cache_.get() + index * elements();
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
        if (words[0] >> 31)
            mirror(dst, options_.fit.height, options_.fit.width, options_.fit.channels);
    }

    void add_warnings(Diagnostics& diagnostics) const override {
        findings_.add_warnings(options_, files_, diagnostics);
    }

  private:
    /// Of a picture in the cache: not there yet, being written by a thread, there.
    enum State : uint8_t { kEmpty, kBusy, kKept };

    /// Reads, decodes and resizes a picture. One that was found unreadable before is not tried
    /// again.
    Image decode(int64_t index) const {
        if (options_.skip_bad)
            if (const std::string* reason = findings_.find_bad(index))
                throw LeftOutExample(*reason);
        const std::string& file = files_[static_cast<size_t>(index)];
        Diagnostics diagnostics;
        Result<Image> image = read_picture(file, diagnostics);
        if (!image) fail(index, diagnostics.list().front().text);
        if (!options_.ground_given && options_.fit.channels != 4 && has_transparency(*image))
            findings_.add_transparent(index);
        return fit_image(*image, options_.fit);
    }
    [[noreturn]] void fail(int64_t index, const std::string& reason) const {
        if (!options_.skip_bad)
            throw DataError(reason,
                            "`bad_files: skip` leaves out what cannot be read; `gmc check --data` "
                            "finds all of it before training");
        findings_.add_bad(index, reason);
        throw LeftOutExample(reason);
    }
    void convert(const uint8_t* src, float* dst) const {
        values_.convert(src, static_cast<size_t>(elements()), dst);
    }

    const FolderOptions options_;
    const std::vector<std::string> files_;
    const ByteValues values_;
    // read() fills what follows; to its callers it is const.
    mutable std::vector<std::atomic<uint8_t>> states_;
    std::unique_ptr<uint8_t[]> cache_;
    mutable Findings findings_;
};

}  // namespace

Result<FolderFields> read_folder(const std::string& path, const FolderOptions& options,
                                 Diagnostics& diagnostics) {
    PictureList list;
    if (!list_pictures(path, list, diagnostics)) return Failure{};
    FolderFields fields;
    fields.class_names = std::move(list.class_names);
    if (!list.classes.empty()) {
        FieldInfo info{options.name + "_label",
                       {},
                       static_cast<int64_t>(list.files.size()),
                       static_cast<int64_t>(fields.class_names.size())};
        fields.label = std::make_shared<FloatField>(std::move(info), std::move(list.classes));
    }
    fields.example = std::make_shared<FolderField>(options, std::move(list.files));
    return fields;
}

}  // namespace gmc::runtime
