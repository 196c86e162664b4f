// Sound files through libsndfile: WAV, FLAC, Ogg, AIFF and what else it knows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// A file open for reading. A frame is one value per channel; values are from -1 to 1.
class SoundFile {
  public:
    /// Errors: kBadFile (not there, no sound, or gmc was built without libsndfile).
    static Result<SoundFile> open(const std::string& path, Diagnostics& diagnostics);

    int64_t frames() const { return frames_; }
    int64_t rate() const { return rate_; }  ///< frames per second
    int64_t channels() const { return channels_; }
    /// Reads `count` frames from `first` on, channels() values each; false where fewer are there.
    [[nodiscard]] bool read(int64_t first, int64_t count, float* values);

    SoundFile(SoundFile&&) noexcept;
    SoundFile& operator=(SoundFile&&) noexcept;
    ~SoundFile();

  private:
    struct Handle;
    SoundFile();

    std::unique_ptr<Handle> handle_;
    int64_t frames_ = 0, rate_ = 0, channels_ = 0;
};

/// Writes a WAV file of 16 bits; values beyond -1 and 1 are clipped. Errors: kBadFile (the disk, or
/// gmc was built without libsndfile).
[[nodiscard]] bool write_wav(const std::string& path, std::span<const float> values, int64_t rate,
                             int64_t channels, Diagnostics& diagnostics);

/// Does the file's name end as sound does: .wav, .flac, .ogg, .oga, .opus, .aif, .aiff, .au?
bool has_sound_name(std::string_view path);

}  // namespace gmc::runtime
