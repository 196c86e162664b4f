// Files, gzip or not, through zlib's gzFile, which reads both.
#include "runtime/data/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace gmc::runtime {
namespace {

constexpr uint64_t kDeflateRatioMost = 1032;
constexpr unsigned kZlibBufferBytes = 256 * 1024;
constexpr size_t kReadBytesMost = size_t{1} << 30;  // gzread counts in int

gzFile as_gz(void* file) { return static_cast<gzFile>(file); }

const char* kind_of_file(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    return "a pipe or socket";
}

}  // namespace

void ByteSource::Close::operator()(void* file) const { gzclose_r(as_gz(file)); }

Result<ByteSource> ByteSource::open(const std::string& path, Diagnostics& diagnostics) {
    // O_NONBLOCK: opening a pipe without a writer would wait for ever; it means nothing for regular
    // files.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (fd < 0 || fstat(fd, &status) != 0) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be opened: {}", path,
                          std::strerror(errno));
        if (fd >= 0) ::close(fd);
        return Failure{};
    }
    if (!S_ISREG(status.st_mode)) {
        ::close(fd);
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is {}, not a file with data", path,
                          kind_of_file(status.st_mode));
        return Failure{};
    }
    ByteSource source;
    source.path_ = path;
    source.file_bytes_ = static_cast<uint64_t>(status.st_size);
    source.file_.reset(gzdopen(fd, "rb"));
    if (!source.file_) {
        ::close(fd);
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}`: no memory left to read it", path);
        return Failure{};
    }
    gzbuffer(as_gz(source.file_.get()), kZlibBufferBytes);
    source.compressed_ = gzdirect(as_gz(source.file_.get())) == 0;
    return source;
}

uint64_t ByteSource::content_bytes_most() const {
    if (!compressed_) return file_bytes_;
    return file_bytes_ > UINT64_MAX / kDeflateRatioMost ? UINT64_MAX
                                                        : file_bytes_ * kDeflateRatioMost;
}

Result<size_t> ByteSource::read(void* dst, size_t size, Diagnostics& diagnostics) {
    size_t done = 0;
    while (done < size) {
        const auto piece = static_cast<unsigned>(std::min(size - done, kReadBytesMost));
        const int got = gzread(as_gz(file_.get()), static_cast<char*>(dst) + done, piece);
        if (got > 0) {
            done += static_cast<size_t>(got);
            offset_ += static_cast<uint64_t>(got);
        }
        if (got == static_cast<int>(piece)) continue;
        // A short count is the end of the file, or the end of what a broken gzip stream gives.
        int code = Z_OK;
        std::string_view text = gzerror(as_gz(file_.get()), &code);
        // zlib knows the file by its descriptor only: "<fd:3>: incorrect data check".
        if (const size_t colon = text.find(">: "); colon != text.npos)
            text.remove_prefix(colon + 3);
        if (code == Z_OK || code == Z_STREAM_END) break;
        if (code == Z_ERRNO)
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read after byte {}: {}",
                              path_, offset_, std::strerror(errno));
        else
            diagnostics
                .error(
                    DiagnosticKind::kBadFile, {},
                    "`{}` is {} gzip file: no more than {} bytes of its contents can be had, up to "
                    "about byte {} of its {} ({})",
                    path_, code == Z_BUF_ERROR ? "a truncated" : "a corrupt", offset_,
                    gzoffset(as_gz(file_.get())), file_bytes_, text)
                .help("`gzip -t` says the same; fetch or copy the file again");
        return Failure{};
    }
    return done;
}

}  // namespace gmc::runtime
