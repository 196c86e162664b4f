// Reads files from start to end, gzip or not. ISA-L inflates, because it is about twice as fast as
// zlib, and the first step of training waits for it.
#include "runtime/files/byte_source.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace gmc::runtime {
namespace {

// The most bytes of one call: ISA-L counts in 32 bits, read(2) in 31.
constexpr size_t kReadBytesMost = size_t{1} << 30;

const char* kind_of_file(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    return "a pipe or socket";
}

const char* inflate_error(int code) {
    switch (code) {
        case ISAL_INVALID_BLOCK:
            return "an invalid block";
        case ISAL_INVALID_SYMBOL:
            return "an invalid symbol";
        case ISAL_INVALID_LOOKBACK:
            return "an invalid distance";
        case ISAL_INVALID_WRAPPER:
            return "an invalid header";
        case ISAL_UNSUPPORTED_METHOD:
            return "an unknown compression method";
        case ISAL_INCORRECT_CHECKSUM:
            return "a wrong checksum or length";
        default:
            return "an unknown error";
    }
}

}  // namespace

/// The open file, and where its gzip stream stands: members behind one another, each checked
/// against its checksum.
struct ByteSource::Stream {
    explicit Stream(int descriptor) : fd(descriptor) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() { ::close(fd); }

    int fd;
    bool ended = false;        ///< the last member was read to its end
    uint64_t file_offset = 0;  ///< read from the file so far
    inflate_state inflate;
    std::array<uint8_t, 256 * 1024> input;

    ssize_t read_file(void* dst, size_t size) {
        ssize_t got = 0;
        do got = ::read(fd, dst, std::min(size, kReadBytesMost));
        while (got < 0 && errno == EINTR);
        if (got > 0) file_offset += static_cast<uint64_t>(got);
        return got;
    }

    /// Makes `bytes` or more of input available, fewer only where the file ends. False: the disk
    /// failed.
    bool fill(uint32_t bytes) {
        while (inflate.avail_in < bytes) {
            std::copy_n(inflate.next_in, inflate.avail_in, input.data());
            inflate.next_in = input.data();
            const ssize_t got =
                read_file(input.data() + inflate.avail_in, input.size() - inflate.avail_in);
            if (got < 0) return false;
            if (got == 0) return true;
            inflate.avail_in += static_cast<uint32_t>(got);
        }
        return true;
    }

    bool at_member() const {
        return inflate.avail_in >= 2 && inflate.next_in[0] == 0x1f && inflate.next_in[1] == 0x8b;
    }

    void begin_member() {
        isal_inflate_reset(&inflate);
        inflate.crc_flag = ISAL_GZIP;
    }
};

ByteSource::ByteSource() = default;
ByteSource::~ByteSource() = default;
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;

Result<RegularFile> open_regular_file(const std::string& path, Diagnostics& diagnostics) {
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
    return RegularFile{fd, static_cast<uint64_t>(status.st_size)};
}

/// Reads the first bytes at once to see whether they are gzip's (1f 8b).
Result<ByteSource> ByteSource::open(const std::string& path, Diagnostics& diagnostics) {
    const Result<RegularFile> file = open_regular_file(path, diagnostics);
    if (!file.ok()) return Failure{};
    ByteSource source;
    source.path_ = path;
    source.file_bytes_ = file->bytes;
    source.stream_ = std::make_unique<Stream>(file->descriptor);
    isal_inflate_init(&source.stream_->inflate);
    source.stream_->inflate.next_in = source.stream_->input.data();
    if (!source.stream_->fill(2)) {
        source.report_disk(diagnostics);
        return Failure{};
    }
    source.compressed_ = source.stream_->at_member();
    if (source.compressed_) source.stream_->begin_member();
    return source;
}

uint64_t ByteSource::content_bytes_most() const {
    if (!compressed_) return file_bytes_;
    return file_bytes_ > UINT64_MAX / kDeflateRatioMost ? UINT64_MAX
                                                        : file_bytes_ * kDeflateRatioMost;
}

void ByteSource::report_disk(Diagnostics& diagnostics) const {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read after byte {}: {}", path_,
                      offset_, std::strerror(errno));
}

void ByteSource::report_gzip(const char* adjective, const char* reason,
                             Diagnostics& diagnostics) const {
    diagnostics
        .error(
            DiagnosticKind::kBadFile, {},
            "`{}` is {} gzip file: no more than {} bytes of its contents can be had, up to about "
            "byte {} of its {} ({})",
            path_, adjective, offset_, stream_->file_offset - stream_->inflate.avail_in,
            file_bytes_, reason)
        .help("`gzip -t` says the same; fetch or copy the file again");
}

/// Whether a file is gzip was found by reading its beginning, which cannot be put back into every
/// file; so the bytes that were read for that are handed out first.
Result<size_t> ByteSource::read_plain(uint8_t* dst, size_t size, Diagnostics& diagnostics) {
    inflate_state& begin = stream_->inflate;  // what was read to look for gzip
    size_t done = std::min<size_t>(size, begin.avail_in);
    std::copy_n(begin.next_in, done, dst);
    begin.next_in += done;
    begin.avail_in -= static_cast<uint32_t>(done);
    offset_ += done;
    while (done < size) {
        const ssize_t got = stream_->read_file(dst + done, size - done);
        if (got == 0) break;
        if (got < 0) {
            report_disk(diagnostics);
            return Failure{};
        }
        done += static_cast<size_t>(got);
        offset_ += static_cast<uint64_t>(got);
    }
    return done;
}

/// Inflates until `size` bytes are there or the contents end. A gzip file may consist of several
/// members behind one another; at the end of each the next is looked for.
Result<size_t> ByteSource::read_gzip(uint8_t* dst, size_t size, Diagnostics& diagnostics) {
    inflate_state& inflate = stream_->inflate;
    size_t done = 0;
    while (done < size && !stream_->ended) {
        if (!stream_->fill(1)) {
            report_disk(diagnostics);
            return Failure{};
        }
        const bool file_ended = inflate.avail_in == 0;
        const auto piece = static_cast<uint32_t>(std::min(size - done, kReadBytesMost));
        inflate.next_out = dst + done;
        inflate.avail_out = piece;
        const int code = isal_inflate(&inflate);
        done += piece - inflate.avail_out;
        offset_ += piece - inflate.avail_out;
        if (code < 0) {
            report_gzip("a corrupt", inflate_error(code), diagnostics);
            return Failure{};
        }
        if (inflate.block_state == ISAL_BLOCK_FINISH) {
            if (!stream_->fill(2)) {
                report_disk(diagnostics);
                return Failure{};
            }
            // What follows the last member is padding, as it is for `gzip`, unless it begins a
            // member.
            stream_->ended = !stream_->at_member();
            if (!stream_->ended) stream_->begin_member();
        } else if (file_ended && inflate.avail_out == piece) {
            report_gzip("a truncated", "the end of the file", diagnostics);
            return Failure{};
        }
    }
    return done;
}

Result<size_t> ByteSource::read(void* dst, size_t size, Diagnostics& diagnostics) {
    auto* bytes = static_cast<uint8_t*>(dst);
    return compressed_ ? read_gzip(bytes, size, diagnostics) : read_plain(bytes, size, diagnostics);
}

}  // namespace gmc::runtime
