// Which files of a folder are examples, and which class each belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

/// The pictures of a folder in a fixed order, and what was passed over.
struct PictureList {
    std::vector<std::string> files;
    std::vector<float> classes;  ///< per file; empty without sub-folders
    std::vector<std::string> class_names;
    /// Visible files that are no pictures by their names, counted by their endings (".txt").
    std::map<std::string, int64_t> left_out;
};

/// Lists the pictures at any depth below `path`, in the order of their paths; its sub-folders, if
/// it has them, are the classes. Hidden files and folders are passed over, files that are no
/// pictures are left out with one warning that counts them. Errors: kBadFile (no folder, not
/// readable, no pictures, a class without pictures, pictures beside the classes).
[[nodiscard]] bool list_pictures(const std::string& path, PictureList& list,
                                 Diagnostics& diagnostics);

}  // namespace gmc::runtime
