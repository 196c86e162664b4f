// Sound as a field: each example is a window, a stretch of a fixed number of frames.
#pragma once

#include <optional>
#include <string>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct SoundOptions {
    std::string name;  ///< of the field
    int64_t rate = 0;  ///< frames per second that every file has to have
    int64_t window = 0, channels = 1;
    int64_t hop = 0;  ///< frames from the start of a window to that of the next
    /// Sound that takes more than this is read anew for each window; 0 = a quarter of the memory.
    uint64_t memory_bytes = 0;
    std::optional<ValueRange> range;  ///< that every value has to lie in
};

/// A file, or a folder with files at any depth in the order of their paths. Windows do not go
/// beyond a file's end; one channel of several is their mean, several of one are copies. Files that
/// are no sound by their names or too short for a window are left out with a warning. Errors:
/// kBadFile (nothing there, no sound, damaged), kBadValue (another rate, other channels, a value
/// outside of the range).
Result<FieldPtr> read_sound(const std::string& path, const SoundOptions& options,
                            Diagnostics& diagnostics);

}  // namespace gmc::runtime
