// Header, size, values; from a file, or from a zip's entry.
#include "runtime/data/files/npy_data.h"

#include "runtime/data/files/byte_source.h"
#include "runtime/data/files/npy_header.h"
#include "runtime/data/files/zip_entry.h"

namespace gmc::runtime {
namespace {

Result<FieldPtr> read_array(ValueBlock& block, uint64_t most, bool compressed,
                            const ReadBytes& read, const ValueRules& rules,
                            Diagnostics& diagnostics) {
    if (!read_npy_header(read, block, diagnostics) ||
        !check_size(block, most, compressed, diagnostics))
        return Failure{};
    return read_values(block, rules, read, diagnostics);
}

}  // namespace

Result<FieldPtr> read_npy_data(const std::string& path, const ValueRules& rules,
                               Diagnostics& diagnostics) {
    if (!check_rules(rules, diagnostics)) return Failure{};
    Result<ByteSource> source = ByteSource::open(path, diagnostics);
    if (!source) return Failure{};
    ValueBlock block;
    block.path = path;
    const auto read = [&](void* dst, size_t size, Diagnostics& d) {
        return source->read(dst, size, d);
    };
    return read_array(block, source->content_bytes_most(), source->compressed(), read, rules,
                      diagnostics);
}

Result<FieldPtr> read_npz_data(const std::string& path, const std::string& key,
                               const ValueRules& rules, Diagnostics& diagnostics) {
    if (!check_rules(rules, diagnostics)) return Failure{};
    Result<ZipEntry> entry = ZipEntry::open(path, key, diagnostics);
    if (!entry) return Failure{};
    ValueBlock block;
    block.path = entry->name();
    const auto read = [&](void* dst, size_t size, Diagnostics& d) {
        return entry->read(dst, size, d);
    };
    return read_array(block, entry->content_bytes_most(), true, read, rules, diagnostics);
}

}  // namespace gmc::runtime
