// Checksums of files, of bytes that are in memory or are still to be read.
#include "runtime/data/file_checksum.h"

#include <unistd.h>

#include <functional>
#include <memory>

#include "runtime/files/byte_source.h"

namespace gmc::runtime {

/// `part` gives the bytes at an offset; nothing: they cannot be read. Recorded fingerprints are
/// made of these checksums.
static std::optional<uint32_t> checksum_of_parts(
    uint64_t size, const std::function<std::optional<std::string_view>(uint64_t, size_t)>& part) {
    constexpr uint64_t kWhole = 64 << 10, kPart = 4 << 10;
    uint32_t checksum = checksum_of(&size, sizeof size);
    const auto add = [&](uint64_t offset, uint64_t bytes) {
        const auto found = part(offset, static_cast<size_t>(bytes));
        if (found) checksum = checksum_of(found->data(), found->size(), checksum);
        return found.has_value();
    };
    const bool good = size <= kWhole
                          ? add(0, size)
                          : add(0, kPart) && add(size / 2, kPart) && add(size - kPart, kPart);
    if (!good) return std::nullopt;
    return checksum;
}

uint32_t checksum_of_file(std::string_view bytes) {
    return *checksum_of_parts(bytes.size(), [&](uint64_t offset, size_t size) {
        return std::optional(bytes.substr(static_cast<size_t>(offset), size));
    });
}

std::optional<uint32_t> read_file_checksum(const std::string& path) {
    Diagnostics unreadable;
    const Result<RegularFile> in = open_regular_file(path, unreadable);
    if (!in.ok()) return std::nullopt;
    const std::shared_ptr<void> at_end(nullptr, [&](void*) { ::close(in->descriptor); });
    std::string bytes;
    return checksum_of_parts(
        in->bytes, [&](uint64_t offset, size_t size) -> std::optional<std::string_view> {
            bytes.resize(size);
            const ssize_t got =
                pread(in->descriptor, bytes.data(), size, static_cast<off_t>(offset));
            if (got != static_cast<ssize_t>(size)) return std::nullopt;
            return bytes;
        });
}

}  // namespace gmc::runtime
