// Which reader for which format, and whether header and contents agree.
#include "runtime/files/array_file.h"

#include "compiler/support/check.h"
#include "runtime/files/byte_source.h"
#include "runtime/files/zip_entry.h"

namespace gmc::runtime {
namespace {

bool report_cut_short(const ArrayHeader& header, uint64_t end, Diagnostics& diagnostics) {
    diagnostics.error(
        DiagnosticKind::kBadFile, {},
        "`{}` ends at byte {} of its contents, but its header promises {} ({} after {} bytes)",
        header.path, end, header.content_bytes(), header.describe(), header.header_bytes);
    return false;
}

bool report_too_long(const ArrayHeader& header, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {},
                      "`{}` goes on after byte {} where its header says it ends ({} after {} "
                      "bytes)",
                      header.path, header.content_bytes(), header.describe(), header.header_bytes);
    return false;
}

/// Are there as many bytes as the header promises? `most` is an upper bound of the contents, exact
/// unless `compressed`. Asked before anything is allocated.
bool check_size(const ArrayHeader& header, uint64_t most, bool compressed,
                Diagnostics& diagnostics) {
    if (header.content_bytes() > most && compressed) {
        diagnostics.error(
            DiagnosticKind::kBadFile, {},
            "`{}` has at most {} bytes of contents, which cannot hold the {} that its header "
            "promises ({})",
            header.path, most, header.content_bytes(), header.describe());
        return false;
    }
    if (header.content_bytes() > most) return report_cut_short(header, most, diagnostics);
    return compressed || header.content_bytes() == most || report_too_long(header, diagnostics);
}

}  // namespace

Result<ArrayFile> ArrayFile::open(const std::string& format, const std::string& path,
                                  const std::string& key, Diagnostics& diagnostics) {
    ArrayFile file;
    uint64_t most = 0;
    bool compressed = true;
    const auto take = [&](auto source) {
        // Shared only because std::function wants to be copied.
        file.read_ = [kept = std::make_shared<decltype(source)>(std::move(source))](
                         void* dst, size_t size, Diagnostics& d) {
            return kept->read(dst, size, d);
        };
    };
    file.header_.path = path;
    if (format == "npz") {
        Result<ZipEntry> entry = ZipEntry::open(path, key, diagnostics);
        if (!entry) return Failure{};
        file.header_.path = entry->name();
        most = entry->content_bytes_most();
        take(entry.take());
    } else {
        GMC_CHECK(format == "idx" || format == "npy", "an array in the format `{}`", format);
        Result<ByteSource> source = ByteSource::open(path, diagnostics);
        if (!source) return Failure{};
        most = source->content_bytes_most();
        compressed = source->compressed();
        take(source.take());
    }
    const auto read_header = format == "idx" ? read_idx_header : read_npy_header;
    Diagnostics found;
    if (!read_header(file.read_, file.header_, found)) {
        Diagnostic& error = diagnostics.add(found.list().front());
        if (path.ends_with(".gz") && !compressed)
            error.help("its name ends in .gz but it is not gzip-compressed");
        return Failure{};
    }
    if (!check_size(file.header_, most, compressed, diagnostics)) return Failure{};
    return file;
}

bool ArrayFile::read_values(void* dst, size_t count, Diagnostics& diagnostics) {
    const size_t bytes = count * header_.type->bytes;
    const Result<size_t> got = read_(dst, bytes, diagnostics);
    if (!got) return false;
    if (*got < bytes)
        return report_cut_short(
            header_, header_.header_bytes + values_read_ * header_.type->bytes + *got, diagnostics);
    values_read_ += count;
    return true;
}

bool ArrayFile::check_end(Diagnostics& diagnostics) {
    // One byte more must not be there. Asking for it also makes the checksum be verified.
    uint8_t byte = 0;
    const Result<size_t> got = read_(&byte, 1, diagnostics);
    return got && (*got == 0 || report_too_long(header_, diagnostics));
}

}  // namespace gmc::runtime
