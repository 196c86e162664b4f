// Reads the bytes of files of examples, several at once.
#include "runtime/data/fingerprint/known_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "compiler/support/stop_work.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
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
        if (is_work_stopped()) return;
        KnownFile& file = files[static_cast<size_t>(unit)];
        const std::optional<uint32_t> checksum = field.file_checksum(file.example);
        file.is_read = checksum.has_value();
        file.checksum = checksum.value_or(0);
    });
    check_work_stop();
    return files;
}

}  // namespace gmc::runtime
