// A folder of pictures of any sizes; its sub-folders, if it has them, are the classes.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/pictures/resize.h"

namespace gmc::runtime {

struct FolderOptions {
    std::string name;  ///< of the field, e.g. "image"
    PictureFit fit;
    /// False: the model gives no `ground`, so transparent pictures are laid over black, and a
    /// warning tells of them.
    bool ground_given = false;
    bool flip = false;  ///< in training, each picture is mirrored in half of the epochs, at random
    ValueRange range;   ///< what 0 .. 255 is scaled into
    /// Pictures that cannot be read are no examples, which is found by decoding all of them when
    /// the folder is opened; false: reading one is an error.
    bool skip_bad = false;
    /// Decoded pictures are kept if all of them take no more than this; 0 = memory_for_data().
    uint64_t cache_bytes = 0;
};

/// Both fields of a folder; `label` is null where it has no sub-folders.
struct FolderFields {
    FieldPtr example;  ///< [height, width, channels] in options.range
    FieldPtr label;    ///< {} with class_count() = number of sub-folders
    std::vector<std::string> class_names;
};

/// Lists the pictures (list_pictures, with its errors). They are read when they are asked for, and
/// then kept if all of them fit; one that cannot be read throws DataError with its name, the offset
/// and what is wrong. Error with `skip_bad`: none of them can be read (kBadFile).
Result<FolderFields> read_folder(const std::string& path, const FolderOptions& options,
                                 Diagnostics& diagnostics);

}  // namespace gmc::runtime
