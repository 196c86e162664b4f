// RandomBytes of plain files, and of the entries of a zip as they lie in it (compressed or not).
#include "runtime/files/random_bytes.h"

#include <unistd.h>
#include <zip.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "runtime/files/byte_source.h"

namespace gmc::runtime {
namespace {

/// A file, read with pread, which needs no lock.
class PlainBytes final : public RandomBytes {
  public:
    PlainBytes(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    ~PlainBytes() override { ::close(fd_); }

    Result<size_t> read(uint64_t offset, void* dst, size_t size,
                        Diagnostics& diagnostics) override {
        size_t done = 0;
        while (done < size) {
            const ssize_t got = ::pread(fd_, static_cast<char*>(dst) + done, size - done,
                                        static_cast<off_t>(offset + done));
            if (got == 0) break;
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) {
                diagnostics.error(DiagnosticKind::kBadFile, {},
                                  "`{}` cannot be read at byte {}: {}", path_, offset + done,
                                  std::strerror(errno));
                return Failure{};
            }
            done += static_cast<size_t>(got);
        }
        return done;
    }

  private:
    const std::string path_;
    const int fd_;
};

struct CloseZip {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};

/// An entry of a zip. libzip's handles are for one thread at a time, so reads take a lock.
class ZipBytes final : public RandomBytes {
  public:
    ZipBytes(std::string name, std::unique_ptr<zip_t, CloseZip> archive,
             std::unique_ptr<zip_file_t, CloseZip> file)
        : name_(std::move(name)), archive_(std::move(archive)), file_(std::move(file)) {}

    Result<size_t> read(uint64_t offset, void* dst, size_t size,
                        Diagnostics& diagnostics) override {
        const std::lock_guard lock(mutex_);
        bool good = zip_fseek(file_.get(), static_cast<zip_int64_t>(offset), SEEK_SET) == 0;
        size_t done = 0;
        while (good && done < size) {
            const zip_int64_t got =
                zip_fread(file_.get(), static_cast<char*>(dst) + done, size - done);
            if (got == 0) break;
            good = got > 0;
            if (good) done += static_cast<size_t>(got);
        }
        if (good) return done;
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read at byte {}: {}", name_,
                          offset + done, zip_file_strerror(file_.get()));
        return Failure{};
    }

  private:
    std::mutex mutex_;
    const std::string name_;
    std::unique_ptr<zip_t, CloseZip> archive_;
    std::unique_ptr<zip_file_t, CloseZip> file_;  ///< after archive_: closed before it
};

}  // namespace

Result<std::unique_ptr<RandomBytes>> open_plain_bytes(const std::string& path,
                                                      Diagnostics& diagnostics) {
    const Result<RegularFile> file = open_regular_file(path, diagnostics);
    if (!file.ok()) return Failure{};
    return std::unique_ptr<RandomBytes>(std::make_unique<PlainBytes>(path, file->descriptor));
}

/// The entry is opened compressed (ZIP_FL_COMPRESSED): libzip can seek in raw bytes, but would
/// inflate from the beginning for each read of contents.
Result<std::unique_ptr<RandomBytes>> open_zip_bytes(const std::string& path,
                                                    const std::string& inside,
                                                    Diagnostics& diagnostics) {
    const std::string name = fmt::format("{}:{}", path, inside);
    const auto bad = [&](const char* reason) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read: {}", name, reason);
        return Failure{};
    };
    int code = 0;
    std::unique_ptr<zip_t, CloseZip> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive) return bad("it is no good zip file");
    zip_stat_t stat;
    if (zip_stat(archive.get(), inside.c_str(), 0, &stat) != 0)
        return bad(zip_strerror(archive.get()));
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
        return bad("it is neither stored nor deflated; `np.savez_compressed` deflates");
    std::unique_ptr<zip_file_t, CloseZip> file(
        zip_fopen(archive.get(), inside.c_str(), ZIP_FL_COMPRESSED));
    if (!file) return bad(zip_strerror(archive.get()));
    return std::unique_ptr<RandomBytes>(
        std::make_unique<ZipBytes>(name, std::move(archive), std::move(file)));
}

}  // namespace gmc::runtime
