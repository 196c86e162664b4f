// Opens a stored array: chooses the reader by the format, reads the header, and checks whether the
// file can hold what the header promises, before anybody allocates memory for it.
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
    if (header.values() == ArrayHeader::kValuesMost) {
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "the header of `{}` promises {}, more than any file has", header.path,
                          header.describe());
        return false;
    }
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

/// In this order: the source of bytes by format; its header; then the sizes. Errors of the header
/// are collected apart, so that a hint can be added to the first of them.
Result<ArrayFile> ArrayFile::open(const std::string& format, const std::string& path,
                                  const std::string& key, Diagnostics& diagnostics) {
    ArrayFile file;
    uint64_t most = 0;
    const auto take = [&](auto source) {
        // Shared only because std::function wants to be copied.
        file.read_ = [kept = std::make_shared<decltype(source)>(std::move(source))](
                         void* dst, size_t size, Diagnostics& d) {
            return kept->read(dst, size, d);
        };
    };
    file.path_ = file.header_.path = path;
    if (format == "npz") {
        Result<ZipEntry> entry = ZipEntry::open(path, key, diagnostics);
        if (!entry) return Failure{};
        file.header_.path = entry->name();
        file.inside_ = entry->inside();
        file.compressed_ = entry->is_compressed();
        most = entry->content_bytes_most();
        take(entry.take());
    } else {
        GMC_CHECK(format == "idx" || format == "npy", "an array in the format `{}`", format);
        Result<ByteSource> source = ByteSource::open(path, diagnostics);
        if (!source) return Failure{};
        most = source->content_bytes_most();
        file.compressed_ = source->compressed();
        take(source.take());
    }
    const auto read_header = format == "idx" ? read_idx_header : read_npy_header;
    Diagnostics found;
    if (!read_header(file.read_, file.header_, found)) {
        Diagnostic& error = diagnostics.add(found.list().front());
        if (path.ends_with(".gz") && !file.compressed_)
            error.help("its name ends in .gz but it is not gzip-compressed");
        return Failure{};
    }
    // What a zip says of its entries' sizes is a claim, too.
    const bool exact = format != "npz" && !file.compressed_;
    if (!check_size(file.header_, most, !exact, diagnostics)) return Failure{};
    return file;
}

Result<std::unique_ptr<RandomBytes>> ArrayFile::open_random(Diagnostics& diagnostics) const {
    auto bytes = inside_.empty() ? open_plain_bytes(path_, diagnostics)
                                 : open_zip_bytes(path_, inside_, diagnostics);
    if (!bytes || !compressed_) return bytes;
    const auto wrapper = inside_.empty() ? DeflateWrapper::kGzip : DeflateWrapper::kNone;
    return index_deflated_bytes(bytes.take(), wrapper, header_.path, diagnostics);
}

bool ArrayFile::take_channels_first(Diagnostics& diagnostics) {
    header_.channels_first = header_.dimensions.size() == 4;
    if (!header_.channels_first)
        diagnostics.error(DiagnosticKind::kShapeMismatch, {},
                          "`{}` is {}, but `layout: channels_first` is for arrays of examples x "
                          "channels x height x width",
                          header_.path, header_.describe());
    return header_.channels_first;
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
