// The fuzz target for sound: our windows over what libsndfile makes of a file.
#include "runtime/data/sound/sound_field.h"
#include "runtime/files/sound_file.h"
#include "tests/fuzz/targets/file_of_bytes.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_wav(std::string_view bytes) {
    using namespace runtime;  // NOLINT
    const FileOfBytes file(bytes, ".wav");
    Diagnostics diagnostics;
    const auto sound = SoundFile::open(file.path(), diagnostics);
    if (sound.ok()) {
        SoundOptions options;
        options.name = "sound";
        options.rate = sound->rate();
        options.window = 64;
        options.channels = sound->channels();
        options.hop = 16;
        const Result<FieldPtr> field = read_sound(file.path(), options, diagnostics);
        if (field.ok() && (*field)->count() > 0) {
            std::vector<float> window(static_cast<size_t>((*field)->elements()));
            try {
                (*field)->read((*field)->count() - 1, window.data());
            } catch (const DataError&) {  // the file says that it holds more than it does
            }
        }
    }
    (void)diagnostics.render();
}

}  // namespace gmc::fuzz
