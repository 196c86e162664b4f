// Decodes TIFF through libtiff, which reads from memory through callbacks and says through a
// handler what is wrong.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/optional/formats.h"
#include "runtime/data/pictures/orientation.h"

namespace gmc::runtime {
namespace {

/// Its strongest compressions leave a byte for a row of one colour.
constexpr uint64_t kPixelsPerByteMost = uint64_t{1} << 16;

/// The file, and the error of the call that failed last.
struct Source {
    std::string_view bytes;
    uint64_t at = 0;

    static Source& of(thandle_t handle) { return *static_cast<Source*>(handle); }
    static tmsize_t read(thandle_t handle, void* to, tmsize_t size) {
        Source& self = of(handle);
        const uint64_t left = self.bytes.size() - std::min<uint64_t>(self.at, self.bytes.size());
        const uint64_t count = std::min<uint64_t>(static_cast<uint64_t>(size), left);
        std::copy_n(self.bytes.data() + self.at, count, static_cast<char*>(to));
        self.at += count;
        return static_cast<tmsize_t>(count);
    }
    static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
    static toff_t seek(thandle_t handle, toff_t offset, int whence) {
        Source& self = of(handle);
        if (whence == SEEK_CUR) offset += self.at;
        if (whence == SEEK_END) offset += self.bytes.size();
        self.at = offset;
        return offset;
    }
    static int close(thandle_t) { return 0; }
    static toff_t size(thandle_t handle) { return of(handle).bytes.size(); }
    /// libtiff writes nothing into what it maps.
    static int map(thandle_t handle, void** base, toff_t* size) {
        const Source& self = of(handle);
        *base = const_cast<void*>(static_cast<const void*>(self.bytes.data()));
        *size = self.bytes.size();
        return 1;
    }
    static void unmap(thandle_t, void*, toff_t) {}
};

/// libtiff's handler has no place for ours, so each thread has its own last error.
thread_local char last_error[256];

void keep_error(const char*, const char* format, va_list arguments) {
    std::vsnprintf(last_error, sizeof last_error, format, arguments);
}

struct Close {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

std::unique_ptr<TIFF, Close> open(Source& source) {
    static const bool kHandlersAreSet = [] {
        TIFFSetErrorHandler(keep_error);
        TIFFSetWarningHandler(nullptr);
        return true;
    }();
    (void)kHandlersAreSet;
    std::strcpy(last_error, "it is damaged");
    // The file lies in memory and is given as mapped: libtiff 4.5 refuses tiles without compression
    // that it copies, unless their bytes are a multiple of 1024.
    return std::unique_ptr<TIFF, Close>(TIFFClientOpen("picture", "r", &source, Source::read,
                                                       Source::write, Source::seek, Source::close,
                                                       Source::size, Source::map, Source::unmap));
}

uint16_t field(TIFF* tiff, uint32_t tag) {
    uint16_t value = 0;
    TIFFGetFieldDefaulted(tiff, tag, &value);
    return value;
}

/// Whether colours are stored multiplied by their alpha. Where they are not, libtiff would multiply
/// them, and colours with a low alpha would lose precision. So it is told that they are multiplied
/// already.
bool is_multiplied(TIFF* tiff) {
    uint16_t count = 0;
    const uint16_t* kinds = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0 || count != 1) return true;
    if (kinds[0] != EXTRASAMPLE_UNASSALPHA) return true;
    const uint16_t associated = EXTRASAMPLE_ASSOCALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &associated);
    return false;
}

/// Grey, or red, green and blue of 16 bits without alpha, which libtiff would make 8 bits of.
bool is_deep(TIFF* tiff) {
    uint16_t photometric = PHOTOMETRIC_PALETTE;
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    if (field(tiff, TIFFTAG_BITSPERSAMPLE) != 16 ||
        field(tiff, TIFFTAG_SAMPLEFORMAT) != SAMPLEFORMAT_UINT)
        return false;
    const uint16_t samples = field(tiff, TIFFTAG_SAMPLESPERPIXEL);
    if (samples == 3) return photometric == PHOTOMETRIC_RGB;
    return samples == 1 &&
           (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE);
}

/// How a file of 16 bits stores its values: all samples of a pixel together, or each in a plane of
/// its own; in rows, or in tiles.
struct Layout {
    uint16_t planes = 1;
    int64_t samples = 1;            ///< of a pixel in a plane
    int64_t height = 1, width = 0;  ///< of a row, or of a tile
    std::vector<uint16_t> values;   ///< of one of them
};

/// Nothing where the sizes that libtiff finds are not those that the header states.
std::optional<Layout> layout_of(TIFF* tiff, const Image& image) {
    Layout layout;
    const bool planar = field(tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
    layout.planes = planar ? static_cast<uint16_t>(image.channels) : uint16_t{1};
    layout.samples = image.channels / layout.planes;
    layout.width = image.width;
    uint64_t bytes = TIFFScanlineSize64(tiff);
    if (TIFFIsTiled(tiff) != 0) {
        uint32_t height = 0, width = 0;
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
        layout.height = height;
        layout.width = width;
        bytes = TIFFTileSize64(tiff);
    }
    constexpr uint64_t kTilePixelsMost = uint64_t{1} << 28;
    const uint64_t pixels =
        static_cast<uint64_t>(layout.height) * static_cast<uint64_t>(layout.width);
    if (pixels == 0 || pixels > kTilePixelsMost ||
        bytes != pixels * static_cast<uint64_t>(layout.samples) * 2)
        return std::nullopt;
    layout.values.resize(bytes / 2);
    return layout;
}

/// Copies what was read, a row or a tile at [top, left] of a plane, as far as it lies within the
/// picture.
void put(const Layout& layout, int64_t top, int64_t left, int64_t plane, Image& image) {
    for (int64_t y = 0; y < std::min(layout.height, image.height - top); ++y)
        for (int64_t x = 0; x < std::min(layout.width, image.width - left); ++x)
            std::copy_n(
                layout.values.begin() + (y * layout.width + x) * layout.samples, layout.samples,
                image.deep.begin() + ((top + y) * image.width + left + x) * image.channels + plane);
}

/// False when a part cannot be read.
bool read_deep(TIFF* tiff, Image& image) {
    image.was_deep = true;
    image.deep.resize(image.pixels.size());
    std::optional<Layout> layout = layout_of(tiff, image);
    if (!layout) return false;
    const bool tiled = TIFFIsTiled(tiff) != 0;
    for (uint16_t plane = 0; plane < layout->planes; ++plane)
        for (int64_t top = 0; top < image.height; top += layout->height)
            for (int64_t left = 0; left < image.width; left += layout->width) {
                const auto x = static_cast<uint32_t>(left), y = static_cast<uint32_t>(top);
                if (tiled ? TIFFReadTile(tiff, layout->values.data(), x, y, 0, plane) < 0
                          : TIFFReadScanline(tiff, layout->values.data(), y, plane) != 1)
                    return false;
                put(*layout, top, left, plane, image);
            }
    if (field(tiff, TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_MINISWHITE)
        for (uint16_t& value : image.deep) value = static_cast<uint16_t>(~value);
    take_upper_bits(image);
    return true;
}

}  // namespace

/// libtiff converts every kind of TIFF to RGBA of 8 bits. That is multiplied by alpha for some
/// files, and then divided by it again, as all other decoders give plain colours.
Result<Image> decode_tiff(const PictureBytes& file, Diagnostics& diagnostics) {
    Source source{file.bytes};
    const std::unique_ptr<TIFF, Close> tiff = open(source);
    const auto bad = [&](const char* reason) {
        return report_bad_picture(file, reason, diagnostics);
    };
    if (!tiff) return bad(last_error);
    uint32_t width = 0, height = 0;
    TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
    if (!check_picture_size(file, height, width, kPixelsPerByteMost, diagnostics)) return Failure{};
    char reason[1024] = {};
    if (TIFFRGBAImageOK(tiff.get(), reason) == 0) return bad(reason);
    const uint16_t orientation = std::max<uint16_t>(1, field(tiff.get(), TIFFTAG_ORIENTATION));
    if (is_deep(tiff.get())) {
        Image deep = make_image(height, width, field(tiff.get(), TIFFTAG_SAMPLESPERPIXEL), 0);
        if (!read_deep(tiff.get(), deep)) return bad(last_error);
        deep = turn_upright(std::move(deep), orientation);
        deep.was_deep = true;
        return deep;
    }
    const bool multiplied = is_multiplied(tiff.get());
    // As stored: with its own orientation asked for, nothing is turned.
    std::vector<uint32_t> pixels(static_cast<size_t>(width) * height);
    if (TIFFReadRGBAImageOriented(tiff.get(), width, height, pixels.data(), orientation, 1) == 0)
        return bad(last_error);
    Image image = make_image(height, width, 4, 0);
    for (size_t i = 0; i < pixels.size(); ++i) {
        uint8_t* to = image.pixels.data() + i * 4;
        to[0] = static_cast<uint8_t>(TIFFGetR(pixels[i]));
        to[1] = static_cast<uint8_t>(TIFFGetG(pixels[i]));
        to[2] = static_cast<uint8_t>(TIFFGetB(pixels[i]));
        to[3] = static_cast<uint8_t>(TIFFGetA(pixels[i]));
    }
    if (!has_transparency(image))
        image = drop_alpha(image);
    else if (multiplied)
        divide_by_alpha(image);
    image = turn_upright(std::move(image), orientation);
    image.was_deep = field(tiff.get(), TIFFTAG_BITSPERSAMPLE) == 16;
    return image;
}

}  // namespace gmc::runtime
