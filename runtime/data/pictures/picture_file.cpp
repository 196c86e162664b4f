// Reads pictures of all formats: a table of formats with the bytes that their files begin with, the
// endings of their names and their decoders, and the choice among them.
#include "runtime/data/pictures/picture_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <vector>

#include "runtime/data/file_checksum.h"
#include "runtime/data/pictures/jpeg.h"
#include "runtime/data/pictures/optional/formats.h"
#include "runtime/data/pictures/png.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

/// 2 GiB; some decoders count bytes in 31 bits.
constexpr uint64_t kFileBytesMost = uint64_t{1} << 31;

using Decode = Result<Image> (*)(const PictureBytes&, Diagnostics&);

/// Bytes of which '.' may be any.
bool starts_like(std::string_view bytes, std::string_view start) {
    return bytes.size() >= start.size() &&
           std::equal(start.begin(), start.end(), bytes.begin(),
                      [](char wanted, char found) { return wanted == '.' || wanted == found; });
}

/// A row of the table.
struct Format {
    const char* name;
    std::vector<std::string_view> starts;
    std::vector<std::string_view> endings;
    Decode decode;        ///< null: the library was missing when gmc was built
    const char* package;  ///< that has the library
};

#ifdef GMC_WITH_WEBP
constexpr Decode kWebp = decode_webp;
#else
constexpr Decode kWebp = nullptr;
#endif
#ifdef GMC_WITH_GIF
constexpr Decode kGif = decode_gif;
#else
constexpr Decode kGif = nullptr;
#endif
#ifdef GMC_WITH_TIFF
constexpr Decode kTiff = decode_tiff;
#else
constexpr Decode kTiff = nullptr;
#endif
#ifdef GMC_WITH_BMP
constexpr Decode kBmp = decode_bmp;
#else
constexpr Decode kBmp = nullptr;
#endif

const std::array<Format, 6>& formats() {
    static const std::array<Format, 6> kFormats = {{
        {"PNG", {{"\x89PNG\r\n\x1a\n", 8}}, {".png"}, decode_png, ""},
        {"JPEG", {"\xff\xd8\xff"}, {".jpg", ".jpeg", ".jfif", ".jpe"}, decode_jpeg, ""},
        {"WebP", {"RIFF....WEBP"}, {".webp"}, kWebp, "libwebp-dev"},
        {"GIF", {"GIF8"}, {".gif"}, kGif, "libgif-dev"},
        {"TIFF", {{"II*\0", 4}, {"MM\0*", 4}}, {".tif", ".tiff"}, kTiff, "libtiff-dev"},
        {"BMP", {"BM"}, {".bmp"}, kBmp, "libstb-dev"},
    }};
    return kFormats;
}

bool is_of(const Format& format, std::string_view bytes) {
    return std::any_of(format.starts.begin(), format.starts.end(),
                       [&](std::string_view start) { return starts_like(bytes, start); });
}

Result<Image> decode_as(const Format& format, std::string_view bytes, const std::string& name,
                        Diagnostics& diagnostics) {
    if (format.decode == nullptr) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` is a {}, which this build does not read",
                   name, format.name)
            .help(fmt::format("install {} and build again, or convert the picture to PNG",
                              format.package));
        return Failure{};
    }
    return format.decode({bytes, name, format.name}, diagnostics);
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

}  // namespace

Result<Image> decode_picture(std::string_view bytes, const std::string& name,
                             Diagnostics& diagnostics) {
    try {
        for (const Format& format : formats())
            if (is_of(format, bytes)) return decode_as(format, bytes, name, diagnostics);
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` does not fit into memory", name);
        return Failure{};
    }
    std::string start;
    for (const char byte : bytes.substr(0, 4))
        start += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
    std::vector<std::string_view> names;
    for (const Format& format : formats()) names.push_back(format.name);
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` is no picture ({}): at offset 0 it has{}",
                      name, fmt::join(names, ", "), start.empty() ? " nothing" : start);
    return Failure{};
}

Result<Image> read_picture(const std::string& path, Diagnostics& diagnostics,
                           std::optional<uint32_t>* checksum) {
    Result<std::string> bytes = read_whole_file(path, kFileBytesMost, diagnostics);
    if (!bytes) return Failure{};
    if (checksum != nullptr) *checksum = checksum_of_file(*bytes);
    return decode_picture(*bytes, path, diagnostics);
}

PictureName judge_picture_name(std::string_view path) {
    constexpr size_t kEndingMost = 5;
    const std::string end =
        lower_case(path.substr(path.size() - std::min<size_t>(path.size(), kEndingMost)));
    for (const Format& format : formats())
        for (const std::string_view ending : format.endings)
            if (end.ends_with(ending))
                return format.decode ? PictureName::kPicture : PictureName::kNotBuilt;
    return PictureName::kOther;
}

}  // namespace gmc::runtime
