// Reads the bytes of files of examples, several at once.
#include "runtime/data/fingerprint/known_files.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "compiler/support/stop_work.h"
#include "runtime/files/byte_source.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// The size and bytes of a file; of one of more than 64 KiB the first, middle and last 4 KiB.
void read_checksum(KnownFile& file) {
    constexpr uint64_t kWhole = 64 << 10, kPart = 4 << 10;
    Diagnostics unreadable;
    const Result<RegularFile> in = open_regular_file(file.path, unreadable);
    if (!in.ok()) return;
    const std::shared_ptr<void> at_end(nullptr, [&](void*) { ::close(in->descriptor); });
    const uint64_t size = in->bytes;
    file.checksum = checksum_of(&size, sizeof size);
    std::string bytes(static_cast<size_t>(size > kWhole ? kPart : size), '\0');
    const std::vector<uint64_t> places =
        size > kWhole ? std::vector<uint64_t>{0, size / 2, size - kPart} : std::vector<uint64_t>{0};
    for (const uint64_t place : places) {
        if (pread(in->descriptor, bytes.data(), bytes.size(), static_cast<off_t>(place)) !=
            static_cast<ssize_t>(bytes.size()))
            return;
        file.checksum = checksum_of(bytes.data(), bytes.size(), file.checksum);
    }
    file.is_read = true;
}

}  // namespace

std::vector<KnownFile> files_of(const Field& field, int64_t count) {
    constexpr size_t kFilesMost = 16384;
    std::vector<KnownFile> files;
    for (int64_t i = 0; i < count; ++i) {
        check_work_stop();
        std::string path = field.lies_in(i);
        if (path.empty()) return {};
        if (!files.empty() && files.back().path == path) continue;
        const std::string name =
            field.file_of(i).empty() ? path.substr(path.rfind('/') + 1) : field.name_of(i);
        files.push_back({checksum_of(name.data(), name.size()), i, std::move(path)});
    }
    std::sort(files.begin(), files.end(), [](const KnownFile& a, const KnownFile& b) {
        return std::pair(a.key, a.example) < std::pair(b.key, b.example);
    });
    files.resize(std::min(files.size(), kFilesMost));
    run_units(static_cast<int64_t>(files.size()), thread_count(), [&](int64_t unit, int) {
        if (!is_work_stopped()) read_checksum(files[static_cast<size_t>(unit)]);
    });
    check_work_stop();
    return files;
}

}  // namespace gmc::runtime
