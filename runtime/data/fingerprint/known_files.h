// The files that the examples of a field lie in, and what tells that one of them has changed.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// CRC-32, which goes on from that of the bytes before.
inline uint32_t checksum_of(const void* bytes, size_t size, uint32_t before = 0) {
    return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(bytes), size));
}

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
