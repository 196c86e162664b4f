// A folder of PNG and JPEG files of any sizes; its sub-folders, if it has them, are the classes.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct FolderOptions {
    std::string name;  ///< of the field, e.g. "image"
    int64_t height = 64;
    int64_t width = 64;
    int64_t channels = 3;  ///< 1 = grey, 3 = colour
    bool crop = true;      ///< cut the middle to the proportions; false: stretch
    bool flip = false;     ///< in training, every second picture mirrored
    ValueRange range;      ///< what 0 .. 255 is scaled into
    /// Decoded pictures are kept if all of them take no more than this; 0 = a quarter of the
    /// memory.
    uint64_t cache_bytes = 0;
};

/// Both fields of a folder; `label` is null where it has no sub-folders.
struct FolderFields {
    FieldPtr example;  ///< [height, width, channels] in options.range
    FieldPtr label;    ///< {} with class_count() = number of sub-folders
    std::vector<std::string> class_names;
};

/// Lists the pictures: files named .png, .jpg, .jpeg at any depth, in the order of their paths;
/// hidden ones and other files are left out. The pictures are read when they are asked for, and
/// then kept if all of them fit; one that cannot be read throws DataError with its name, the offset
/// and what is wrong. Errors: kBadFile (no folder, not readable, no pictures, a class without
/// pictures, pictures beside the classes).
Result<FolderFields> read_folder(const std::string& path, const FolderOptions& options,
                                 Diagnostics& diagnostics);

}  // namespace gmc::runtime
