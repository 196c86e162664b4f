// What tells that a file of the data has changed.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gmc::runtime {

/// CRC-32, which goes on from that of the bytes before.
inline uint32_t checksum_of(const void* bytes, size_t size, uint32_t before = 0) {
    return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(bytes), size));
}

/// Of the size and the bytes of a file; of more than 64 KiB the first, middle and last 4 KiB.
uint32_t checksum_of_file(std::string_view bytes);
/// The same of the file at `path`; nothing where it cannot be read.
std::optional<uint32_t> read_file_checksum(const std::string& path);

}  // namespace gmc::runtime
