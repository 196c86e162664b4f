// Reads sound as a field of windows: first lists the files and how many windows each has, then
// reads windows when they are asked for, from memory if all frames fit there.
#include "runtime/data/sound/sound_field.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <span>

#include "compiler/support/stop_work.h"
#include "runtime/files/class_folders.h"
#include "runtime/files/sound_file.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// A file and its windows.
struct WindowedFile {
    std::string path;
    int64_t frames = 0;
    int64_t first_window = 0;  ///< of all windows of the field
    int64_t first_frame = 0;   ///< of all frames of the field
};

/// The frame that is furthest beyond -1 to 1, which is the range of sound.
class Loudest {
  public:
    void look_at(const std::string& path, int64_t first, const std::vector<float>& frames,
                 int64_t channels) {
        for (size_t i = 0; i < frames.size(); ++i)
            if (std::fabs(frames[i]) > std::fabs(value_)) {
                value_ = frames[i];
                path_ = path;
                frame_ = first + static_cast<int64_t>(i) / channels;
            }
    }
    friend bool operator<(const Loudest& a, const Loudest& b) {
        return std::fabs(a.value_) < std::fabs(b.value_);
    }
    void warn(Diagnostics& diagnostics) const {
        if (path_.empty()) return;
        diagnostics
            .warning(DiagnosticKind::kBadValue, {},
                     "`{}`: frame {} is {}, the furthest beyond -1 to 1 of all", path_, frame_,
                     value_)
            .help(
                "sound as integers is scaled, but numbers of a float file stay what they are; "
                "`sox IN OUT norm` scales them");
    }

  private:
    float value_ = 1;
    std::string path_;
    int64_t frame_ = 0;
};

/// Frames of `from` channels as frames of `to` channels.
void convert(const float* frames, int64_t count, int64_t from, int64_t to, float* out) {
    for (int64_t i = 0; i < count; ++i, frames += from, out += to) {
        if (from == to) {
            std::copy_n(frames, to, out);
            continue;
        }
        float sum = 0;
        for (int64_t c = 0; c < from; ++c) sum += frames[c];
        std::fill_n(out, to, sum / static_cast<float>(from));
    }
}

class SoundField final : public Field {
  public:
    SoundField(const SoundOptions& options, std::vector<WindowedFile> files, int64_t windows,
               std::vector<float> kept)
        : Field(options.name, {options.window, options.channels}, windows, 0),
          options_(options),
          files_(std::move(files)),
          kept_(std::move(kept)) {}

    std::string lies_in(int64_t index) const override { return file_at(index).path; }
    std::string name_of(int64_t index) const override {
        const WindowedFile& file = file_at(index);
        return fmt::format("{} {}", file.path.substr(file.path.rfind('/') + 1),
                           index - file.first_window);
    }

    void read(int64_t index, float* dst) const override {
        const WindowedFile& file = file_at(index);
        const int64_t frame = (index - file.first_window) * options_.hop;
        if (!kept_.empty()) {
            std::copy_n(kept_.data() + (file.first_frame + frame) * options_.channels, elements(),
                        dst);
            return;
        }
        Diagnostics diagnostics;
        Loudest loudest;
        if (!read_frames(file.path, frame, options_.window, options_, dst, loudest, diagnostics))
            throw DataError(diagnostics.list().front().text);
        const std::lock_guard lock(mutex_);
        loudest_ = std::max(loudest_, loudest);
    }
    void add_warnings(Diagnostics& diagnostics) const override {
        const std::lock_guard lock(mutex_);
        loudest_.warn(diagnostics);
    }
    bool in_memory() const override { return !kept_.empty(); }
    bool can_be_in_memory() const override { return true; }

    /// Some frames of a file in the field's channels.
    static bool read_frames(const std::string& path, int64_t first, int64_t count,
                            const SoundOptions& options, float* to, Loudest& loudest,
                            Diagnostics& diagnostics) {
        Result<SoundFile> sound = SoundFile::open(path, diagnostics);
        if (!sound) return false;
        std::vector<float> frames(static_cast<size_t>(count * sound->channels()));
        if (!sound->read(first, count, frames.data())) {
            diagnostics.error(DiagnosticKind::kBadFile, {},
                              "`{}` ends before its frame {}, but its header says that it has {}",
                              path, first + count, sound->frames());
            return false;
        }
        const auto bad = std::find_if_not(frames.begin(), frames.end(),
                                          [](float value) { return std::isfinite(value); });
        if (bad != frames.end()) {
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "`{}`: frame {} is {}, not a finite number", path,
                              first + (bad - frames.begin()) / sound->channels(), *bad);
            return false;
        }
        loudest.look_at(path, first, frames, sound->channels());
        convert(frames.data(), count, sound->channels(), options.channels, to);
        return lies_in_range(path, first, {to, static_cast<size_t>(count * options.channels)},
                             options, diagnostics);
    }

    /// Whether `values`, from frame `first` on, lie in the range. Error: kBadValue.
    static bool lies_in_range(const std::string& path, int64_t first, std::span<const float> values,
                              const SoundOptions& options, Diagnostics& diagnostics) {
        if (!options.range) return true;
        const double low = options.range->low, high = options.range->high;
        const auto bad = std::find_if(values.begin(), values.end(),
                                      [&](float value) { return value < low || value > high; });
        if (bad == values.end()) return true;
        diagnostics
            .error(DiagnosticKind::kBadValue, {},
                   "`{}`: frame {} is {}, outside of [{}, {}], the range of the model", path,
                   first + (bad - values.begin()) / options.channels, *bad, low, high)
            .help(
                fmt::format("sound stays as it is, numbers from -1 to 1; `range` of `data.{}` says "
                            "what they have to lie in",
                            options.name));
        return false;
    }

  private:
    /// The file that window `index` is of.
    const WindowedFile& file_at(int64_t index) const {
        const auto behind =
            std::upper_bound(files_.begin(), files_.end(), index,
                             [](int64_t i, const WindowedFile& p) { return i < p.first_window; });
        return *(behind - 1);
    }

    const SoundOptions options_;
    const std::vector<WindowedFile> files_;
    const std::vector<float> kept_;
    // read() fills what follows; to its callers it is const.
    mutable std::mutex mutex_;
    mutable Loudest loudest_;
};

/// Lists the files of a path, checks them, and makes the field.
class SoundReader {
  public:
    SoundReader(const std::string& path, const SoundOptions& options, Diagnostics& diagnostics)
        : path_(path), options_(options), diagnostics_(diagnostics) {}

    Result<FieldPtr> run() {
        if (!list()) return Failure{};
        for (WindowedFile& file : listed_)
            if (!look_at(file)) return Failure{};
        if (files_.empty()) return report_none();
        int64_t other = 0;
        for (const auto& [ending, count] : other_) other += count;
        warn(other, "no sound by its name", "no sound by their names");
        warn(short_, "shorter than a window", "shorter than a window");
        std::vector<float> kept;
        if (!keep(kept)) return Failure{};
        return FieldPtr(
            std::make_shared<SoundField>(options_, std::move(files_), windows_, std::move(kept)));
    }

  private:
    Failure report_none() {
        if (listed_.empty()) {
            Diagnostic& error = diagnostics_.error(DiagnosticKind::kBadFile, {},
                                                   "`{}` holds no sound files", path_);
            error.help("those that are read end in .wav, .flac, .ogg, .opus, .aiff or .au");
            std::vector<std::string> there;
            for (const auto& [ending, count] : other_)
                there.push_back(fmt::format("{} {}", count, ending));
            if (!there.empty())
                error.help(
                    fmt::format("there are {}; `ffmpeg -i IN OUT.wav` makes sound of most "
                                "others",
                                fmt::join(there, ", ")));
            return Failure{};
        }
        diagnostics_
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` has no sound of at least one window of {} frames", path_, options_.window)
            .help(fmt::format(
                "a window is {:.3g} seconds at {} frames per second",
                static_cast<double>(options_.window) / static_cast<double>(options_.rate),
                options_.rate));
        return Failure{};
    }

    void warn(int64_t count, const char* one, const char* many) {
        if (count > 0)
            diagnostics_.warning(DiagnosticKind::kBadFile, {}, "`{}`: {} file{} left out, {}",
                                 path_, count, count == 1 ? " is" : "s are",
                                 count == 1 ? one : many);
    }

    bool list() {
        std::error_code error;
        if (!fs::is_directory(path_, error)) {
            listed_.push_back({path_});
            return true;
        }
        fs::recursive_directory_iterator entry(path_, error);
        for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
            check_work_stop();
            std::error_code ignored;
            const bool hidden = is_hidden_name(entry->path().filename().string());
            const bool folder = entry->is_directory(ignored);
            if (folder && hidden) entry.disable_recursion_pending();
            if (folder || hidden) continue;
            if (has_sound_name(entry->path().native()))
                listed_.push_back({entry->path().string()});
            else
                ++other_[entry->path().extension().empty() ? "without an ending"
                                                           : entry->path().extension().string()];
        }
        if (error)
            diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read as a folder: {}",
                               path_, error.message());
        std::sort(listed_.begin(), listed_.end(),
                  [](const WindowedFile& a, const WindowedFile& b) { return a.path < b.path; });
        return !error;
    }

    /// Checks a file and counts its windows. Files that are too short are left out, others that do
    /// not fit are errors.
    bool look_at(WindowedFile& file) {
        check_work_stop();
        const Result<SoundFile> sound = SoundFile::open(file.path, diagnostics_);
        if (!sound) return false;
        if (sound->rate() != options_.rate) {
            diagnostics_
                .error(DiagnosticKind::kBadValue, {},
                       "`{}` has {} frames per second, but `rate` is {}", file.path, sound->rate(),
                       options_.rate)
                .help(fmt::format("`rate: {}`, if all files have it; `sox IN -r {} OUT` makes them "
                                  "so many",
                                  sound->rate(), options_.rate));
            return false;
        }
        if (sound->channels() != options_.channels && options_.channels != 1 &&
            sound->channels() != 1) {
            diagnostics_.error(DiagnosticKind::kBadValue, {},
                               "`{}` has {} channels, of which {} cannot be made", file.path,
                               sound->channels(), options_.channels);
            return false;
        }
        if (sound->frames() < options_.window) {
            ++short_;
            return true;
        }
        file.frames = sound->frames();
        file.first_window = windows_;
        file.first_frame = frames_;
        windows_ += (file.frames - options_.window) / options_.hop + 1;
        frames_ += file.frames;
        files_.push_back(file);
        return true;
    }

    /// Reads all frames into memory, if they fit there.
    bool keep(std::vector<float>& kept) {
        const uint64_t most = options_.memory_bytes > 0 ? options_.memory_bytes : memory_for_data();
        const auto values = static_cast<uint64_t>(frames_ * options_.channels);
        if (values > most / sizeof(float)) return true;
        kept.resize(values);
        Loudest loudest;
        for (const WindowedFile& file : files_) {
            check_work_stop();
            if (!SoundField::read_frames(file.path, 0, file.frames, options_,
                                         kept.data() + file.first_frame * options_.channels,
                                         loudest, diagnostics_))
                return false;
        }
        loudest.warn(diagnostics_);
        return true;
    }

    const std::string& path_;
    const SoundOptions& options_;
    Diagnostics& diagnostics_;
    std::vector<WindowedFile> listed_, files_;
    std::map<std::string, int64_t> other_;  ///< files that are no sound, by their endings
    int64_t windows_ = 0, frames_ = 0, short_ = 0;
};

}  // namespace

Result<FieldPtr> read_sound(const std::string& path, const SoundOptions& options,
                            Diagnostics& diagnostics) {
    return SoundReader(path, options, diagnostics).run();
}

}  // namespace gmc::runtime
