// A field that decodes the pictures of a folder when they are asked for, and keeps them as bytes if
// all fit. Where pictures that cannot be read are left out, all are decoded once when the folder is
// opened: then the number of examples, and which example is which file, is the same for everybody.
#include "runtime/data/pictures/folder.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>

#include "compiler/support/stop_work.h"
#include "compiler/support/wording.h"
#include "runtime/data/array_field.h"
#include "runtime/data/file_checksum.h"
#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/data/pictures/picture_list.h"
#include "runtime/kernels/philox.h"
#include "runtime/memory/memory_need.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

std::string count_pictures(size_t count) {
    return fmt::format("{} picture{}", count, count == 1 ? "" : "s");
}

/// A link that leads nowhere is none that is gone, and may always have been so.
bool is_gone(const std::string& file) {
    std::error_code error;
    return std::filesystem::symlink_status(file, error).type() ==
           std::filesystem::file_type::not_found;
}

/// The pictures of a list of files: decodes when asked, by any thread, and keeps what it decoded
/// where all fits.
class Pictures {
  public:
    Pictures(const FolderOptions& options, std::vector<std::string> files)
        : options_(options),
          files_(std::move(files)),
          values_of_picture_(
              static_cast<size_t>(options.fit.height * options.fit.width * options.fit.channels)),
          bytes_(values_of_picture_ * (is_deep(files_.front()) ? 2 : 1)),
          checksums_(files_.size()),
          values_(options.range),
          deep_values_(options.range) {
        const uint64_t most = options.cache_bytes > 0 ? options.cache_bytes : memory_for_data();
        if (files_.size() > most / bytes_) return;
        states_ = std::vector<std::atomic<uint8_t>>(files_.size());
        // Not filled with zeros: a page of it takes memory only when a picture is written into it.
        cache_ = std::make_unique_for_overwrite<uint8_t[]>(files_.size() * bytes_);
    }

    const FolderOptions& options() const { return options_; }
    const std::vector<std::string>& files() const { return files_; }

    /// Writes the values of picture `file` to `dst`. Reports what is wrong with one that cannot be
    /// read (kBadFile), by its name.
    [[nodiscard]] bool read(size_t file, float* dst, Diagnostics& diagnostics) const {
        if (!states_.empty() && states_[file].load(std::memory_order_acquire) == kKept) {
            convert(cache_.get() + file * bytes_, bytes_ > values_of_picture_, dst);
            return true;
        }
        const Result<Image> image = decode(file, diagnostics);
        if (!image) return false;
        const bool deep = !image->deep.empty();
        const uint8_t* pixels =
            deep ? reinterpret_cast<const uint8_t*>(image->deep.data()) : image->pixels.data();
        if (!states_.empty() && deep == (bytes_ > values_of_picture_)) keep(file, pixels);
        convert(pixels, deep, dst);
        return true;
    }

    /// The checksum of a file's bytes when they were first read, be it now.
    std::optional<uint32_t> checksum(size_t file) const {
        if (const uint64_t seen = checksums_[file]; seen != 0) return static_cast<uint32_t>(seen);
        const std::optional<uint32_t> now = read_file_checksum(files_[file]);
        if (!now) return now;
        return first_checksum(file, *now);
    }

    /// Pictures that cannot be read: why, by their places.
    struct Bad {
        std::map<size_t, std::string> here, gone;  ///< gone: since they were listed
    };
    /// Decodes all pictures with all threads.
    Bad find_bad() const {
        Bad bad;
        std::exception_ptr failed;  // none may leave a unit
        const int workers = thread_count();
        std::vector<std::vector<float>> values(static_cast<size_t>(workers),
                                               std::vector<float>(values_of_picture_));
        run_units(static_cast<int64_t>(files_.size()), workers, [&](int64_t unit, int worker) {
            const auto file = static_cast<size_t>(unit);
            Diagnostics found;
            std::exception_ptr here;
            try {
                check_work_stop();
                if (read(file, values[static_cast<size_t>(worker)].data(), found)) return;
            } catch (...) {
                here = std::current_exception();
            }
            const std::lock_guard lock(mutex_);
            if (here)
                failed = here;
            else
                (is_gone(files_[file]) ? bad.gone : bad.here)
                    .emplace(file, found.list().front().text);
        });
        if (failed) std::rethrow_exception(failed);
        return bad;
    }

    void add_warnings(Diagnostics& diagnostics) const {
        const std::lock_guard lock(mutex_);
        if (!deep_.empty())
            diagnostics
                .warning(DiagnosticKind::kBadValue, {},
                         "`data.{}`: {} 16 bits per channel beside alpha or inks, of which the "
                         "upper 8 are read, such as `{}`",
                         options_.name,
                         count_pictures(deep_.size()) + (deep_.size() == 1 ? " has" : " have"),
                         files_[*deep_.begin()])
                .help("`npy:` reads them as an array of float32 [N, height, width, channels]");
        if (transparent_.empty()) return;
        diagnostics
            .warning(
                DiagnosticKind::kBadValue, {},
                "`data.{}`: {} transparent in places and laid over black, such as `{}`",
                options_.name,
                count_pictures(transparent_.size()) + (transparent_.size() == 1 ? " is" : " are"),
                files_[*transparent_.begin()])
            .help("`ground: white` lays them over white, `channels: 4` keeps what is seen through");
    }

  private:
    static constexpr uint64_t kSeen = uint64_t{1} << 32;

    /// Of a picture in the cache: not there yet, being written by a thread, there.
    enum State : uint8_t { kEmpty, kBusy, kKept };

    /// Whether a picture is kept with 16 bits per value. The first one tells of all; those that are
    /// otherwise are decoded each time.
    static bool is_deep(const std::string& file) {
        Diagnostics said_later;
        const Result<Image> image = read_picture(file, said_later);
        return image && !image->deep.empty();
    }

    /// Values of a picture as floats, from 8 bits each, or 16 (`deep`).
    void convert(const uint8_t* pixels, bool deep, float* dst) const {
        if (deep)
            deep_values_.convert(reinterpret_cast<const uint16_t*>(pixels), values_of_picture_,
                                 dst);
        else
            values_.convert(pixels, values_of_picture_, dst);
    }

    /// Two threads that decode the same picture: one keeps it, the other lets it go.
    void keep(size_t file, const uint8_t* pixels) const {
        uint8_t expected = kEmpty;
        if (!states_[file].compare_exchange_strong(expected, kBusy)) return;
        std::copy_n(pixels, bytes_, cache_.get() + file * bytes_);
        states_[file].store(kKept, std::memory_order_release);
    }

    /// The checksum of a file, which is `checksum` unless its bytes were read before.
    uint32_t first_checksum(size_t file, uint32_t checksum) const {
        uint64_t first = 0;
        if (checksums_[file].compare_exchange_strong(first, kSeen | checksum)) return checksum;
        return static_cast<uint32_t>(first);
    }

    /// Reads, decodes and resizes a picture. Throws DataError where it is another one than before:
    /// what a run was trained on is recorded.
    Result<Image> decode(size_t file, Diagnostics& diagnostics) const {
        std::optional<uint32_t> checksum;
        Result<Image> image = read_picture(files_[file], diagnostics, &checksum);
        if (!image) return image;
        if (first_checksum(file, *checksum) != *checksum)
            throw DataError(
                fmt::format("`{}` is another picture than when it was first read", files_[file]),
                "put the picture back that was there", true);
        if (image->was_deep && image->deep.empty()) {
            const std::lock_guard lock(mutex_);
            deep_.insert(file);
        }
        if (!options_.ground_given && options_.fit.channels != 4 && has_transparency(*image)) {
            const std::lock_guard lock(mutex_);
            transparent_.insert(file);
        }
        return fit_image(*image, options_.fit);
    }

    const FolderOptions options_;
    const std::vector<std::string> files_;
    const size_t values_of_picture_;
    const size_t bytes_;  ///< of a picture that is kept
    /// Per file, once its bytes were read: their checksum and kSeen.
    mutable std::vector<std::atomic<uint64_t>> checksums_;
    const ByteValues values_;
    const WordValues deep_values_;
    // read() fills what follows; to its callers it is const.
    mutable std::vector<std::atomic<uint8_t>> states_;
    std::unique_ptr<uint8_t[]> cache_;
    mutable std::mutex mutex_;
    mutable std::set<size_t> transparent_, deep_;
};

/// Some of the pictures as examples.
class FolderField final : public Field {
  public:
    /// `places`: of the pictures that are examples, in order.
    FolderField(std::string folder, std::shared_ptr<const Pictures> pictures,
                std::vector<size_t> places)
        : Field(pictures->options().name,
                {pictures->options().fit.height, pictures->options().fit.width,
                 pictures->options().fit.channels},
                static_cast<int64_t>(places.size()), 0),
          folder_(std::move(folder)),
          pictures_(std::move(pictures)),
          places_(std::move(places)) {}

    std::string file_of(int64_t index) const override {
        return pictures_->files()[number_of(index)];
    }
    std::optional<uint32_t> file_checksum(int64_t index) const override {
        return pictures_->checksum(number_of(index));
    }
    /// Its path from the folder on.
    std::string name_of(int64_t index) const override {
        return file_of(index).substr(folder_.size());
    }

    void read(int64_t index, float* dst) const override {
        Diagnostics diagnostics;
        if (pictures_->read(number_of(index), dst, diagnostics)) return;
        throw DataError(diagnostics.list().front().text,
                        "`bad_files: skip` leaves out what cannot be read; `gmc check --data` "
                        "finds all of it before training");
    }

    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override {
        read(index, dst);
        const FolderOptions& options = pictures_->options();
        if (!options.flip) return;
        const PhiloxCounter words =
            philox_block(static_cast<uint64_t>(index), static_cast<uint32_t>(pass.epoch),
                         kPhiloxFlipStream, pass.seed);
        if (words[0] >> 31)
            mirror(dst, options.fit.height, options.fit.width, options.fit.channels);
    }

    void add_warnings(Diagnostics& diagnostics) const override {
        pictures_->add_warnings(diagnostics);
    }

  private:
    size_t number_of(int64_t index) const { return places_[static_cast<size_t>(index)]; }

    const std::string folder_;
    const std::shared_ptr<const Pictures> pictures_;
    const std::vector<size_t> places_;
};

/// The places of the pictures that can be read; warns of the others. One that is gone is an error
/// (kBadFile): it may be back when the run goes on, which would have other data then.
Result<std::vector<size_t>> leave_out_bad(const Pictures& pictures, Diagnostics& diagnostics) {
    const auto [bad, gone] = pictures.find_bad();
    const size_t all = pictures.files().size();
    const std::string& name = pictures.options().name;
    if (!gone.empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "{}", gone.begin()->second)
            .help(fmt::format("of `data.{}` {} gone since the folder was listed: put {} back", name,
                              count_pictures(gone.size()) + by_count(gone.size(), " is", " are"),
                              by_count(gone.size(), "it", "them")));
        return Failure{};
    }
    if (bad.size() == all) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`data.{}`: none of {} can be read", name,
                   count_pictures(all))
            .help(fmt::format("the first: {}", bad.begin()->second));
        return Failure{};
    }
    if (!bad.empty())
        diagnostics
            .warning(DiagnosticKind::kBadFile, {}, "`data.{}`: {} cannot be read and {} left out",
                     name, count_pictures(bad.size()), bad.size() == 1 ? "is" : "are")
            .help(fmt::format("the first: {}", bad.begin()->second));
    std::vector<size_t> places;
    for (size_t file = 0; file < all; ++file)
        if (bad.count(file) == 0) places.push_back(file);
    return places;
}

}  // namespace

Result<FolderFields> read_folder(const std::string& path, const FolderOptions& options,
                                 Diagnostics& diagnostics) {
    PictureList list;
    if (!list_pictures(path, list, diagnostics)) return Failure{};
    const auto pictures = std::make_shared<const Pictures>(options, std::move(list.files));
    std::vector<size_t> places(pictures->files().size());
    std::iota(places.begin(), places.end(), size_t{0});
    if (options.skip_bad) {
        Result<std::vector<size_t>> good = leave_out_bad(*pictures, diagnostics);
        if (!good) return Failure{};
        places = good.take();
    }
    FolderFields fields;
    fields.class_names = std::move(list.class_names);
    if (!list.classes.empty()) {
        std::vector<float> labels;
        for (const size_t place : places) labels.push_back(list.classes[place]);
        FieldInfo info{options.name + "_label",
                       {},
                       static_cast<int64_t>(places.size()),
                       static_cast<int64_t>(fields.class_names.size())};
        fields.label = std::make_shared<FloatField>(std::move(info), std::move(labels));
    }
    fields.example = std::make_shared<FolderField>(path, pictures, std::move(places));
    return fields;
}

}  // namespace gmc::runtime
