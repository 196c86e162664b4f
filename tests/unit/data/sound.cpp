// Sound in windows, kept and read anew, and each error.
#include "runtime/data/sound/sound_field.h"

#include <cmath>
#include <filesystem>

#include "runtime/files/sound_file.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// False where gmc was built without libsndfile, which is said.
bool has_sound(const TempFolder& folder) {
    Diagnostics diagnostics;
    const float silence[4] = {};
    if (write_wav(folder.path("probe.wav"), silence, 8000, 1, diagnostics)) {
        std::filesystem::remove(folder.path("probe.wav"));
        return true;
    }
    CHECK(only_error(diagnostics).find("built without libsndfile") != std::string::npos);
    return false;
}

/// A ramp of `frames` frames, channel c shifted by 0.25 c, in steps of 1/64 from `first` on.
void write_ramp(const std::string& path, int64_t frames, int64_t channels, float first = 0) {
    std::vector<float> values;
    for (int64_t i = 0; i < frames; ++i)
        for (int64_t c = 0; c < channels; ++c)
            values.push_back(first + static_cast<float>(i) / 64 + 0.25F * static_cast<float>(c));
    Diagnostics diagnostics;
    REQUIRE(write_wav(path, values, 8000, channels, diagnostics));
}

/// A wav file of floats as they are, 8000 frames of one channel per second.
std::string wav_of_floats(const std::vector<float>& values) {
    std::string out;
    const auto add = [&](uint32_t number, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
    };
    const auto bytes = static_cast<uint32_t>(values.size() * sizeof(float));
    out += "RIFF";
    add(36 + bytes, 4);
    out += "WAVEfmt ";
    add(16, 4);
    add(3, 2);  // floats
    add(1, 2);
    add(8000, 4);
    add(32000, 4);
    add(4, 2);
    add(32, 2);
    out += "data";
    add(bytes, 4);
    out.append(reinterpret_cast<const char*>(values.data()), bytes);
    return out;
}

SoundOptions windows_of_4() {
    SoundOptions options;
    options.name = "sound";
    options.rate = 8000;
    options.window = 4;
    options.hop = 3;
    return options;
}

TEST_CASE("sound beyond -1 to 1 gets a warning, kept or read anew") {
    const TempFolder folder;
    if (!has_sound(folder)) return;
    folder.write("a.wav", wav_of_floats({0, 0.5F, -1, 1, 0.5F}));
    folder.write("b.wav", wav_of_floats({0, 2, -1, 0, -300, 3, 0}));
    for (const uint64_t memory : {uint64_t{0}, uint64_t{1}}) {
        SoundOptions options = windows_of_4();
        options.memory_bytes = memory;
        Diagnostics diagnostics;
        const Result<FieldPtr> field = read_sound(folder.path(""), options, diagnostics);
        REQUIRE(field.ok());
        std::vector<float> window(4);
        for (int64_t i = 0; i < (*field)->count(); ++i) (*field)->read(i, window.data());
        if (memory > 0) (*field)->add_warnings(diagnostics);
        REQUIRE(diagnostics.warnings().size() == 1);
        CHECK(diagnostics.warnings()[0].text.ends_with(
            "b.wav`: frame 4 is -300, the furthest beyond -1 to 1 of all"));
    }
}

TEST_CASE("a folder of sound is windows of its files, in order") {
    const TempFolder folder;
    if (!has_sound(folder)) return;
    std::filesystem::create_directories(folder.path("deep"));
    write_ramp(folder.path("b.wav"), 10, 1);
    write_ramp(folder.path("deep/c.wav"), 4, 2, 0.5F);
    write_ramp(folder.path("a.wav"), 3, 1);
    folder.write("notes.txt", "no sound");
    for (const uint64_t memory : {uint64_t{0}, uint64_t{1}}) {
        SoundOptions options = windows_of_4();
        options.memory_bytes = memory;
        Diagnostics diagnostics;
        const Result<FieldPtr> field = read_sound(folder.path(), options, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(field.ok());
        CHECK((*field)->in_memory() == (memory == 0));
        CHECK((*field)->shape() == std::vector<int64_t>{4, 1});
        REQUIRE((*field)->count() == 4);
        std::vector<float> window(4);
        (*field)->read(1, window.data());
        for (size_t i = 0; i < 4; ++i)
            CHECK(window[i] == Approx((3.0F + static_cast<float>(i)) / 64).margin(1e-4));
        (*field)->read(3, window.data());  // two channels are their mean
        CHECK(window[0] == Approx(0.625F).margin(1e-4));
        REQUIRE(diagnostics.warnings().size() == 2);
        CHECK(diagnostics.warnings()[0].text ==
              fmt::format("`{}`: 1 file is left out, no sound by its name", folder.path()));
        CHECK(diagnostics.warnings()[1].text ==
              fmt::format("`{}`: 1 file is left out, shorter than a window", folder.path()));
    }
}

TEST_CASE("sound outside of a range that is given is refused, kept or read anew") {
    const TempFolder folder;
    if (!has_sound(folder)) return;
    const std::string path =
        folder.write("a.wav", wav_of_floats({0, 0.5F, 0.25F, 0.5F, 0.5F, -0.125F, 0, 0}));
    SoundOptions options = windows_of_4();
    options.range = ValueRange{-0.125F, 0.5F};
    Diagnostics diagnostics;
    CHECK(read_sound(path, options, diagnostics).ok());
    options.range = ValueRange{0, 1};
    CHECK_FALSE(read_sound(path, options, diagnostics).ok());
    CHECK(only_error(diagnostics)
              .ends_with("a.wav`: frame 5 is -0.125, outside of [0, 1], the range of the model"));
    options.memory_bytes = 1;
    Diagnostics none;
    const Result<FieldPtr> field = read_sound(path, options, none);
    REQUIRE(field.ok());
    std::vector<float> window(4);
    (*field)->read(0, window.data());
    CHECK_THROWS_AS((*field)->read(1, window.data()), DataError);
}

TEST_CASE("errors of sound") {
    const TempFolder folder;
    if (!has_sound(folder)) return;
    const auto error_of = [&](const std::string& path, const SoundOptions& options) {
        Diagnostics diagnostics;
        CHECK_FALSE(read_sound(path, options, diagnostics).ok());
        return only_error(diagnostics);
    };
    const SoundOptions options = windows_of_4();
    CHECK(error_of(folder.path(), options).find("holds no sound files") != std::string::npos);
    CHECK(error_of(folder.path("none.wav"), options).find("cannot be opened: ") !=
          std::string::npos);
    CHECK(error_of(folder.write("text.wav", "text"), options).find("cannot be read as sound: ") !=
          std::string::npos);
    const std::vector<float> broken = {0, 0, 0, 0, 0, INFINITY, 0, 0};
    const std::string path = folder.write("inf.wav", wav_of_floats(broken));
    CHECK(error_of(path, options).find("frame 5 is inf, not a finite number") != std::string::npos);
    SoundOptions anew = options;
    anew.memory_bytes = 1;
    Diagnostics none;
    const Result<FieldPtr> field = read_sound(path, anew, none);
    REQUIRE(field.ok());
    std::vector<float> window(4);
    CHECK_THROWS_AS((*field)->read(1, window.data()), DataError);
    write_ramp(folder.path("three.wav"), 8, 3);
    SoundOptions other = options;
    other.channels = 2;
    CHECK(error_of(folder.path("three.wav"), other)
              .find("has 3 channels, of which 2 cannot be made") != std::string::npos);
    other.rate = 16000;
    CHECK(error_of(folder.path("three.wav"), other)
              .find("has 8000 frames per second, but `rate` is 16000") != std::string::npos);
    Diagnostics diagnostics;
    CHECK_FALSE(write_wav(folder.path("none/x.wav"), std::vector<float>(4), 8000, 1, diagnostics));
    CHECK(only_error(diagnostics).find("cannot be written: ") != std::string::npos);
}

}  // namespace
}  // namespace gmc::runtime
