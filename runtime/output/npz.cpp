// Writes NumPy's .npz files, which are zips; runtime/files/zip_entry reads them back. A zip is its
// members, each behind a header of its own, then a directory with a row per member, then a record
// that says where the directory is.
#include "runtime/output/npz.h"

#include <zlib.h>

#include "runtime/files/atomic_file.h"
#include "runtime/output/npy.h"

namespace gmc::runtime {
namespace {

constexpr uint16_t kVersion = 20;          // of the format that a reader needs
constexpr uint16_t kNewYear1980 = 0x0021;  // the same bytes whenever they are written

void append_little_endian(std::string& out, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

/// A file in the zip: `offset` is where its header begins.
struct Member {
    std::string name, header;
    std::span<const std::byte> bytes;
    uint32_t checksum = 0, size = 0, offset = 0;
};

uint32_t checksum_of(const std::string& header, std::span<const std::byte> bytes) {
    uLong sum = crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size());
    sum = crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    return static_cast<uint32_t>(sum);
}

/// The fields that a member's own header and its row in the directory share.
std::string common_fields(const Member& member) {
    std::string out;
    append_little_endian(out, kVersion, 2);
    append_little_endian(out, 0, 2);  // flags
    append_little_endian(out, 0, 2);  // stored
    append_little_endian(out, 0, 2);  // midnight
    append_little_endian(out, kNewYear1980, 2);
    append_little_endian(out, member.checksum, 4);
    append_little_endian(out, member.size, 4);  // compressed
    append_little_endian(out, member.size, 4);  // as it is
    append_little_endian(out, static_cast<uint32_t>(member.name.size()), 2);
    append_little_endian(out, 0, 2);  // extra fields
    return out;
}

std::string directory_row(const Member& member) {
    std::string out = "PK\x01\x02";
    append_little_endian(out, kVersion, 2);
    out += common_fields(member);
    append_little_endian(out, 0, 2);  // comment
    append_little_endian(out, 0, 2);  // disk
    append_little_endian(out, 0, 2);  // internal attributes
    append_little_endian(out, 0, 4);  // external attributes
    append_little_endian(out, member.offset, 4);
    return out + member.name;
}

std::string directory_end(size_t members, size_t bytes, uint32_t offset) {
    std::string out = "PK\x05\x06";
    append_little_endian(out, 0, 4);  // disks
    append_little_endian(out, static_cast<uint32_t>(members), 2);
    append_little_endian(out, static_cast<uint32_t>(members), 2);
    append_little_endian(out, static_cast<uint32_t>(bytes), 4);
    append_little_endian(out, offset, 4);
    append_little_endian(out, 0, 2);  // comment
    return out;
}

}  // namespace

/// Sizes are known beforehand, so that what does not fit into 32 bits is refused before anything is
/// written.
bool write_npz(const std::string& path, std::span<const NamedArray> arrays,
               Diagnostics& diagnostics) {
    // Sizes and offsets have 32 bits. The limit is a little lower, to leave room for the directory.
    constexpr uint64_t kMostBytes = 0xffff0000;
    std::vector<Member> members;
    uint64_t total = 0;
    for (const NamedArray& array : arrays) {
        Member member{array.name + ".npy", npy_header(array.shape, array.type), array.bytes};
        total += member.header.size() + member.bytes.size() + 2 * member.name.size() + 100;
        members.push_back(std::move(member));
    }
    if (total > kMostBytes) {
        diagnostics
            .error(DiagnosticKind::kTooLarge, {}, "`{}` would have {} bytes, 4 GB or more", path,
                   total)
            .help("write an .npy file");
        return false;
    }
    Result<AtomicFile> file = AtomicFile::create(path, diagnostics);
    if (!file) return false;
    for (Member& member : members) {
        member.checksum = checksum_of(member.header, member.bytes);
        member.size = static_cast<uint32_t>(member.header.size() + member.bytes.size());
        member.offset = static_cast<uint32_t>(file->bytes_written());
        if (!file->write("PK\x03\x04" + common_fields(member) + member.name + member.header,
                         diagnostics) ||
            !file->write(member.bytes.data(), member.bytes.size(), diagnostics))
            return false;
    }
    const auto start = static_cast<uint32_t>(file->bytes_written());
    std::string directory;
    for (const Member& member : members) directory += directory_row(member);
    const std::string end = directory_end(members.size(), directory.size(), start);
    return file->write(directory + end, diagnostics) && file->commit(diagnostics);
}

}  // namespace gmc::runtime
