// The files that the examples of a field lie in, and what tells that one of them has changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/file_checksum.h"

namespace gmc::runtime {

/// A file of the data, by the checksum of its name.
struct KnownFile {
    uint32_t key = 0;
    int64_t example = 0;  ///< the first in it
    std::string path;
    uint32_t checksum = 0;
    bool is_read = false;
};

/// Up to 16,384 of the files that the first `count` examples lie in, in the order of their keys, so
/// that they are mostly the same ones when there are more. None where examples lie in one file.
std::vector<KnownFile> files_of(const Field& field, int64_t count);

}  // namespace gmc::runtime
