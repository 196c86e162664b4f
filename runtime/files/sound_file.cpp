// Sound files through libsndfile, where it was there when gmc was built; otherwise every call
// reports that it is missing.
#include "runtime/files/sound_file.h"

#include <algorithm>
#include <cctype>

#ifdef GMC_WITH_SNDFILE
#include <sndfile.h>
#include <unistd.h>

#include <cmath>
#include <vector>

#include "runtime/files/byte_source.h"
#endif

namespace gmc::runtime {

bool has_sound_name(std::string_view path) {
    constexpr std::string_view kEndings[] = {".wav",  ".flac", ".ogg",  ".oga",
                                             ".opus", ".aif",  ".aiff", ".au"};
    std::string name(path.substr(path.size() - std::min<size_t>(path.size(), 5)));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::any_of(std::begin(kEndings), std::end(kEndings),
                       [&](std::string_view ending) { return name.ends_with(ending); });
}

#ifdef GMC_WITH_SNDFILE

/// libsndfile's file, closed with the object.
struct SoundFile::Handle {
    SNDFILE* file = nullptr;
    ~Handle() { sf_close(file); }
};

namespace {

/// How many bytes of its sound a WAV file promises beyond its end, which libsndfile passes over in
/// silence; 0 for other files, and for streams, whose length nobody knew when they were written.
int64_t bytes_cut_off(const RegularFile& file) {
    // A stream has the largest number of 31 or 32 bits there, or one a little below it.
    const auto is_stream = [](int64_t length) {
        return (length >= 0x7ffff000 && length <= 0x80000000) || length >= 0xfffff000;
    };
    constexpr int kMostChunks = 1000;  // a bound, so that no file keeps us busy for long
    char head[12];
    if (pread(file.descriptor, head, 12, 0) != 12 || std::string_view(head, 4) != "RIFF" ||
        std::string_view(head + 8, 4) != "WAVE")
        return 0;
    int64_t at = 12;
    for (int i = 0; i < kMostChunks && pread(file.descriptor, head, 8, at) == 8; ++i) {
        int64_t length = 0;
        for (int k = 7; k >= 4; --k) length = length * 256 + static_cast<unsigned char>(head[k]);
        if (std::string_view(head, 4) == "data")
            return is_stream(length)
                       ? 0
                       : std::max<int64_t>(at + 8 + length - static_cast<int64_t>(file.bytes), 0);
        at += 8 + length + length % 2;
    }
    return 0;
}

}  // namespace

Result<SoundFile> SoundFile::open(const std::string& path, Diagnostics& diagnostics) {
    const Result<RegularFile> file = open_regular_file(path, diagnostics);
    if (!file.ok()) return Failure{};
    if (const int64_t missing = bytes_cut_off(*file); missing > 0) {
        ::close(file->descriptor);
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` was cut off: {} bytes of its sound are missing", path, missing)
            .help("copy or save it again");
        return Failure{};
    }
    SF_INFO info{};
    SoundFile sound;
    sound.handle_ = std::make_unique<Handle>();
    sound.handle_->file = sf_open_fd(file->descriptor, SFM_READ, &info, SF_TRUE);
    if (!sound.handle_->file) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read as sound: {}", path,
                          sf_strerror(nullptr));
        return Failure{};
    }
    sound.frames_ = info.frames;
    sound.rate_ = info.samplerate;
    sound.channels_ = info.channels;
    return sound;
}

bool SoundFile::read(int64_t first, int64_t count, float* values) {
    if (sf_seek(handle_->file, first, SEEK_SET) != first) return false;
    return sf_readf_float(handle_->file, values, count) == count;
}

bool write_wav(const std::string& path, std::span<const float> values, int64_t rate,
               int64_t channels, Diagnostics& diagnostics) {
    SF_INFO info{};
    info.samplerate = static_cast<int>(rate);
    info.channels = static_cast<int>(channels);
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
    bool good = file != nullptr;
    if (good) {
        std::vector<float> clipped(values.begin(), values.end());
        for (float& value : clipped)
            value = std::isfinite(value) ? std::clamp(value, -1.0F, 1.0F) : 0.0F;
        const auto count = static_cast<sf_count_t>(clipped.size());
        good = sf_write_float(file, clipped.data(), count) == count;
        good = sf_close(file) == 0 && good;
    }
    if (!good)
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: {}", path,
                          sf_strerror(nullptr));
    return good;
}

#else

namespace {

void report_missing(const std::string& path, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}`: gmc was built without libsndfile", path)
        .help("install libsndfile1-dev and build again");
}

}  // namespace

struct SoundFile::Handle {};

Result<SoundFile> SoundFile::open(const std::string& path, Diagnostics& diagnostics) {
    report_missing(path, diagnostics);
    return Failure{};
}

bool SoundFile::read(int64_t, int64_t, float*) { return false; }

bool write_wav(const std::string& path, std::span<const float>, int64_t, int64_t,
               Diagnostics& diagnostics) {
    report_missing(path, diagnostics);
    return false;
}

#endif

SoundFile::SoundFile() = default;
SoundFile::SoundFile(SoundFile&&) noexcept = default;
SoundFile& SoundFile::operator=(SoundFile&&) noexcept = default;
SoundFile::~SoundFile() = default;

}  // namespace gmc::runtime
