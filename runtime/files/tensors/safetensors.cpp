// Writes safetensors files, and reads them. What a file's header says is checked against the file's
// size and against itself before anything is allocated or read: files come from strangers.
#include "runtime/files/tensors/safetensors.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>

#include "compiler/support/json.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

/// The format is little-endian; on another machine numbers would have to be turned.
static_assert(std::endian::native == std::endian::little,
              "floats are written as they lie in memory");

/// The file is 8 bytes with the length of the header, the header in JSON, and the data. Headers are
/// filled up with spaces so that data begin at a multiple of 8.
constexpr uint64_t kLengthBytes = 8, kAlignment = 8;
/// A tensor takes about 100 bytes of header; no model that fits a machine has so many.
constexpr uint64_t kHeaderBytesMost = 8 << 20;
constexpr size_t kTensorsMost = 20'000;
/// Bytes that are read at a time where numbers are converted or summed.
constexpr size_t kPieceBytes = 1 << 20;
constexpr char kMetadata[] = "__metadata__";
/// What stands in the place of the checksum while it is calculated.
constexpr std::string_view kNoChecksum = "crc32 00000000";
constexpr size_t kDigits = 8;  ///< hexadecimal digits of a CRC-32

uint32_t crc_of(std::string_view bytes, uint32_t start) {
    return static_cast<uint32_t>(
        crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string_view bytes_of(const TensorView& tensor, uint64_t size) {
    const float* numbers = tensor.fetch ? tensor.fetch() : tensor.numbers;
    return {reinterpret_cast<const char*>(numbers), size};
}

/// Bytes of an f32 tensor.
uint64_t size_of(const std::vector<int64_t>& shape) {
    uint64_t size = sizeof(float);
    for (const int64_t length : shape) size *= static_cast<uint64_t>(length);
    return size;
}

std::string length_bytes(uint64_t length) {
    std::string bytes(kLengthBytes, '\0');
    std::memcpy(bytes.data(), &length, kLengthBytes);
    return bytes;
}

/// Where the digits of the checksum stand in a header of ours; npos: nowhere.
size_t digits_in(std::string_view header) {
    const std::string mark =
        fmt::format("{{\"{}\":{{\"{}\":\"crc32 ", kMetadata, SafetensorsFile::kChecksum);
    return header.starts_with(mark) && header.size() >= mark.size() + kDigits ? mark.size()
                                                                              : std::string::npos;
}

/// The header, with a checksum of zeros.
std::string header_of(const std::vector<TensorView>& tensors, const Metadata& metadata) {
    Json header = Json::object();
    Json& texts = header[kMetadata];
    texts[SafetensorsFile::kChecksum] = kNoChecksum;
    for (const auto& [name, text] : metadata) texts[name] = text;
    uint64_t offset = 0;
    for (const TensorView& tensor : tensors) {
        const uint64_t end = offset + size_of(tensor.shape);
        header[tensor.name] = {{"dtype", "F32"},
                               {"shape", tensor.shape},
                               {"data_offsets", std::vector<uint64_t>{offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
    return text;
}

const std::vector<Json>& list_in(const Json& json, const char* name) {
    const Json& list = json.at(name);
    if (!list.is_array()) throw JsonError(fmt::format("`{}` is no list", name));
    return list.elements();
}

/// Reads a tensor's entry in the header. Throws JsonError unless type, shape and bytes agree.
/// Products are calculated in 128 bits and bounded by 2^62, so that no shape overflows.
StoredTensor tensor_in(const std::string& name, const Json& json, uint64_t data_bytes) {
    StoredTensor tensor;
    tensor.name = name;
    const std::string& dtype = json.at("dtype").text();
    tensor.type = find_safetensors_type(dtype);
    if (tensor.type == nullptr)
        throw JsonError(
            fmt::format("its type is `{}`, which is none of BOOL, U8 to U64, I8 to I64, "
                        "F16, BF16, F32, F64",
                        dtype));
    const std::vector<Json>& offsets = list_in(json, "data_offsets");
    if (offsets.size() != 2) throw JsonError("`data_offsets` are not two numbers");
    tensor.begin = offsets[0].natural();
    tensor.end = offsets[1].natural();
    if (tensor.begin > tensor.end || tensor.end > data_bytes)
        throw JsonError(
            fmt::format("its bytes are {} to {}, but the file has only {} bytes of "
                        "numbers: was it cut off?",
                        tensor.begin, tensor.end, data_bytes));
    unsigned __int128 wanted = tensor.type->bytes;
    const auto is_larger = [](unsigned __int128 bytes) { return bytes >> 62 != 0; };
    for (const Json& length : list_in(json, "shape")) {
        const uint64_t n = length.natural();
        if (is_larger(n) || is_larger(wanted *= n)) throw JsonError("its shape is too large");
        tensor.shape.push_back(static_cast<int64_t>(n));
    }
    if (wanted != tensor.end - tensor.begin)
        throw JsonError(fmt::format("{} of shape {} are {} bytes, but it has {}", tensor.type->name,
                                    json.at("shape").dump(), static_cast<uint64_t>(wanted),
                                    tensor.end - tensor.begin));
    return tensor;
}

/// Sorts the tensors by their bytes. Throws JsonError unless they fill the file.
void put_in_order(std::vector<StoredTensor>& tensors, uint64_t data_bytes) {
    std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t end = 0;
    const std::string* last = nullptr;
    for (const StoredTensor& tensor : tensors) {
        if (tensor.begin < end)
            throw JsonError(fmt::format("`{}` and `{}` overlap", *last, tensor.name));
        if (tensor.begin > end)
            throw JsonError(fmt::format("{} bytes before `{}` belong to no tensor",
                                        tensor.begin - end, tensor.name));
        end = tensor.end;
        last = &tensor.name;
    }
    if (end != data_bytes)
        throw JsonError(fmt::format("{} bytes at its end belong to no tensor", data_bytes - end));
}

Failure bad(Diagnostics& diagnostics, const std::string& path, const std::string& what) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, what);
    return {};
}

/// Reads exactly `size` bytes. False after an error.
bool read_all(RandomBytes& bytes, const std::string& path, uint64_t offset, void* to, size_t size,
              Diagnostics& diagnostics) {
    const auto got = bytes.read(offset, to, size, diagnostics);
    if (!got.ok()) return false;
    if (*got == size) return true;
    bad(diagnostics, path, "became shorter while it was read");
    return false;
}

}  // namespace

/// The checksum stands in the header, which comes first in the file; so it is calculated from
/// memory before anything is written.
bool write_safetensors(const std::string& path, const std::vector<TensorView>& tensors,
                       const Metadata& metadata, Diagnostics& diagnostics) {
    std::string header = header_of(tensors, metadata);
    const std::string length = length_bytes(header.size());
    uint32_t crc = crc_of(header, crc_of(length, 0));
    for (const TensorView& tensor : tensors)
        crc = crc_of(bytes_of(tensor, size_of(tensor.shape)), crc);
    header.replace(digits_in(header), kDigits, fmt::format("{:08x}", crc));
    auto file = AtomicFile::create(path, diagnostics, AtomicFile::Until::kNamed);
    if (!file.ok() || !file->write(length, diagnostics) || !file->write(header, diagnostics))
        return false;
    for (const TensorView& tensor : tensors)
        if (!file->write(bytes_of(tensor, size_of(tensor.shape)), diagnostics)) return false;
    return file->commit(diagnostics);
}

int64_t StoredTensor::elements() const { return static_cast<int64_t>((end - begin) / type->bytes); }

/// Everything that the header says is checked against the size of the file before memory is taken
/// for it, since the file may come from anywhere.
Result<SafetensorsFile> SafetensorsFile::open(const std::string& path, Diagnostics& diagnostics) {
    SafetensorsFile file;
    file.path_ = path;
    auto bytes = open_plain_bytes(path, diagnostics);
    if (!bytes.ok()) return Failure{};
    file.bytes_ = bytes.take();
    std::error_code error;
    const uint64_t file_bytes = std::filesystem::file_size(path, error);
    uint64_t length = 0;
    if (error || file_bytes < kLengthBytes)
        return bad(diagnostics, path, "is no safetensors file: it has less than 8 bytes");
    if (!read_all(*file.bytes_, path, 0, &length, kLengthBytes, diagnostics)) return Failure{};
    // Where these bytes are letters, it is a text.
    if (length > file_bytes && length > kHeaderBytesMost)
        return bad(diagnostics, path, "is no safetensors file, or is damaged at its beginning");
    if (length > file_bytes - kLengthBytes)
        return bad(diagnostics, path,
                   fmt::format("is no safetensors file, or was cut off: its header is to have {} "
                               "bytes, but {} follow",
                               length, file_bytes - kLengthBytes));
    if (length > kHeaderBytesMost) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "`{}` has a header of {} bytes, more than the {} allowed", path, length,
                          kHeaderBytesMost);
        return Failure{};
    }
    file.header_.resize(length);
    if (!read_all(*file.bytes_, path, kLengthBytes, file.header_.data(), length, diagnostics))
        return Failure{};
    file.data_bytes_ = file_bytes - kLengthBytes - length;
    std::string about;
    try {
        file.read_header(about);
    } catch (const JsonError& e) {
        return bad(diagnostics, path, fmt::format("has a broken header{}: {}", about, e.what()));
    }
    return file;
}

/// `about` says which entry is being read, for the error that an exception becomes. In the end the
/// tensors are put in the order of their data, without gaps and overlaps.
void SafetensorsFile::read_header(std::string& about) {
    const Json header = Json::parse_strictly(header_, kTensorsMost);
    if (!header.is_object()) throw JsonError("it is no JSON object");
    for (size_t i = 0; i < header.size(); ++i) {
        const std::string& name = header.names()[i];
        const Json& entry = header.elements()[i];
        about = fmt::format(", of `{}`", name);
        if (!entry.is_object()) throw JsonError("it is no object");
        if (name == kMetadata)
            for (size_t t = 0; t < entry.size(); ++t)
                metadata_.emplace_back(entry.names()[t], entry.elements()[t].text());
        else
            tensors_.push_back(tensor_in(name, entry, data_bytes_));
    }
    about = "";
    put_in_order(tensors_, data_bytes_);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
    for (const StoredTensor& tensor : tensors_)
        if (tensor.name == name) return &tensor;
    return nullptr;
}

const std::string* SafetensorsFile::metadata(std::string_view name) const {
    for (const auto& [key, text] : metadata_)
        if (key == name) return &text;
    return nullptr;
}

/// Sums up the file as it was written: with zeros in the place of the checksum's digits.
Result<std::string> SafetensorsFile::computed_checksum(Diagnostics& diagnostics) const {
    std::string header = header_;
    const size_t digits = digits_in(header_);
    if (digits != std::string::npos) header.replace(digits, kDigits, kDigits, '0');
    uint32_t crc = crc_of(header, crc_of(length_bytes(header.size()), 0));
    std::string piece(std::min<uint64_t>(kPieceBytes, data_bytes_), '\0');
    for (uint64_t done = 0; done < data_bytes_; done += piece.size()) {
        piece.resize(std::min<uint64_t>(piece.size(), data_bytes_ - done));
        if (!read_all(*bytes_, path_, kLengthBytes + header.size() + done, piece.data(),
                      piece.size(), diagnostics))
            return Failure{};
        crc = crc_of(piece, crc);
    }
    return fmt::format("{:08x}", crc);
}

bool SafetensorsFile::verify(Diagnostics& diagnostics) const {
    const size_t digits = digits_in(header_);
    const std::string what = "was changed after it was written, or cut off: its checksum ";
    if (digits == std::string::npos) {
        bad(diagnostics, path_, what + "is missing");
        return false;
    }
    const auto computed = computed_checksum(diagnostics);
    if (!computed.ok()) return false;
    if (*computed == header_.substr(digits, kDigits)) return true;
    bad(diagnostics, path_, what + "does not fit");
    return false;
}

bool SafetensorsFile::read(const StoredTensor& tensor, float* to, Diagnostics& diagnostics) const {
    const uint64_t begin = kLengthBytes + header_.size() + tensor.begin;
    const uint64_t size = tensor.end - tensor.begin;
    if (tensor.type == find_safetensors_type("F32"))
        return read_all(*bytes_, path_, begin, to, size, diagnostics);
    std::vector<uint8_t> piece(std::min<uint64_t>(kPieceBytes, size));
    for (uint64_t done = 0; done < size; done += piece.size()) {
        piece.resize(std::min<uint64_t>(piece.size(), size - done));
        if (!read_all(*bytes_, path_, begin + done, piece.data(), piece.size(), diagnostics))
            return false;
        tensor.type->convert(piece.data(), piece.size() / tensor.type->bytes,
                             to + done / tensor.type->bytes);
    }
    return true;
}

}  // namespace gmc::runtime
