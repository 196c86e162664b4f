// Decodes PNG through libpng. It reports errors by a longjmp, which must not jump over C++ objects:
// what is called between setjmp and its end owns nothing, everything lives in the caller. Its
// simplified interface needs no setjmp, but takes 16 bits for linear light and brightens them
// (pnggroup/libpng#515).
#include "runtime/data/pictures/png.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstring>

#include "runtime/data/pictures/orientation.h"
#include "runtime/files/byte_source.h"

namespace gmc::runtime {
namespace {

/// Pixels are compressed by deflate, and an uncompressed byte holds at most 8 of them.
constexpr uint64_t kPngPixelsPerByteMost = kDeflateRatioMost * 8;
constexpr size_t kSignatureBytes = 8;

uint32_t big_endian(std::string_view bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

/// Where the chunks of a PNG stop making sense, in words: length, type, data, checksum each.
std::string chunk_fault(std::string_view bytes) {
    for (size_t at = kSignatureBytes; at < bytes.size();) {
        if (bytes.size() - at < 12) return fmt::format("the file ends at offset {}", bytes.size());
        const uint32_t length = big_endian(bytes, at);
        const std::string_view type = bytes.substr(at + 4, 4);
        if (length > bytes.size() - at - 12)
            return fmt::format("the chunk at offset {} goes on beyond the file's {} bytes", at,
                               bytes.size());
        const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(type.data()), length + 4);
        if (sum != big_endian(bytes, at + 8 + length))
            return fmt::format("the chunk at offset {} has a wrong checksum", at);
        if (type == "IEND") return "its chunks are whole, what they hold is not";
        at += 12 + size_t{length};
    }
    return fmt::format("the file ends at offset {} without its last chunk", bytes.size());
}

/// libpng's state with our handlers of errors; `at` is the place in `bytes` that it reads next.
struct PngDecoder {
    explicit PngDecoder(std::string_view file) : bytes(file) {
        png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, ignore);
        if (png != nullptr) info = png_create_info_struct(png);
    }
    ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
    PngDecoder(const PngDecoder&) = delete;
    PngDecoder& operator=(const PngDecoder&) = delete;

    /// Size and channels of what read_pixels() writes; false after an error, whose text is in
    /// `text`.
    bool read_header() {
        if (setjmp(back) != 0) return false;
        png_set_read_fn(png, this, read);
        png_read_info(png, info);
        const int depth = png_get_bit_depth(png, info), type = png_get_color_type(png, info);
        indexed = type == PNG_COLOR_TYPE_PALETTE;
        if (indexed) png_set_packing(png);  // libpng makes indices beyond the palette black
        if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
        const bool transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
        if (transparent && !indexed) png_set_tRNS_to_alpha(png);
        was_deep = depth == 16;
        stays_deep = was_deep && (type & PNG_COLOR_MASK_ALPHA) == 0 && !transparent;
        if (was_deep && !stays_deep) png_set_strip_16(png);
        if (stays_deep && std::endian::native == std::endian::little) png_set_swap(png);
        passes = png_set_interlace_handling(png);
        png_read_update_info(png, info);
        return true;
    }
    bool read_pixels(void* to, size_t row_bytes, size_t rows) {
        auto* pixels = static_cast<unsigned char*>(to);
        if (setjmp(back) != 0) return false;
        for (int pass = 0; pass < passes; ++pass)
            for (size_t row = 0; row < rows; ++row)
                png_read_row(png, pixels + row * row_bytes, nullptr);
        return true;
    }
    /// Reads what follows the pixels. They are complete by now, so damage there loses nothing.
    void read_trailer() {
        if (setjmp(back) != 0) return;
        png_read_end(png, info);
    }
    int orientation() {
        png_bytep exif = nullptr;
        png_uint_32 size = 0;
        if (png_get_eXIf_1(png, info, &size, &exif) == 0) return 1;
        return exif_orientation({reinterpret_cast<const char*>(exif), size});
    }

    [[noreturn]] static void fail(png_structp png, png_const_charp reason) {
        auto* self = static_cast<PngDecoder*>(png_get_error_ptr(png));
        std::strncpy(self->text, reason, sizeof self->text - 1);
        std::longjmp(self->back, 1);
    }
    static void ignore(png_structp, png_const_charp) {}
    static void read(png_structp png, png_bytep to, size_t size) {
        auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
        if (size > self->bytes.size() - self->at) png_error(png, "read beyond the end of the file");
        std::copy_n(self->bytes.data() + self->at, size, reinterpret_cast<char*>(to));
        self->at += size;
    }

    std::string_view bytes;
    size_t at = 0;
    png_structp png = nullptr;
    png_infop info = nullptr;
    int passes = 1;
    bool indexed = false;  ///< a value is a place in the palette
    bool was_deep = false;
    bool stays_deep = false;  ///< a value is 16 bits, in the machine's order
    std::jmp_buf back;
    char text[128] = {};
};

/// A picture of places in the palette, in its colours. Error: a place beyond the palette.
Result<Image> in_colours(const Image& places, const PngDecoder& decoder, const PictureBytes& file,
                         Diagnostics& diagnostics) {
    png_colorp colours = nullptr;
    png_bytep alphas = nullptr;
    int count = 0, alpha_count = 0;
    png_get_PLTE(decoder.png, decoder.info, &colours, &count);
    png_get_tRNS(decoder.png, decoder.info, &alphas, &alpha_count, nullptr);
    const int64_t channels = alphas != nullptr && alpha_count > 0 ? 4 : 3;
    Image image = make_image(places.height, places.width, channels, 0);
    auto* to = image.pixels.data();
    for (size_t i = 0; i < places.pixels.size(); ++i) {
        const int place = places.pixels[i];
        if (place >= count) {
            const auto at = static_cast<int64_t>(i);
            return report_bad_picture(
                file,
                fmt::format("the pixel in row {}, column {} has the colour number {}, but the "
                            "palette ends with number {}",
                            at / places.width, at % places.width, place, count - 1),
                diagnostics);
        }
        *to++ = colours[place].red;
        *to++ = colours[place].green;
        *to++ = colours[place].blue;
        if (channels == 4) *to++ = place < alpha_count ? alphas[place] : 255;
    }
    return image;
}

}  // namespace

/// libpng converts while it reads: 16 bits, grey of fewer bits. When it fails, the chunks are
/// searched for the one that is damaged, as its own message has no place.
Result<Image> decode_png(const PictureBytes& file, Diagnostics& diagnostics) {
    PngDecoder decoder(file.bytes);
    if (decoder.info == nullptr) throw std::bad_alloc();
    const auto bad = [&] {
        return report_bad_picture(
            file, fmt::format("{}; {}", decoder.text, chunk_fault(file.bytes)), diagnostics);
    };
    if (!decoder.read_header()) return bad();
    const int64_t height = png_get_image_height(decoder.png, decoder.info),
                  width = png_get_image_width(decoder.png, decoder.info),
                  channels = png_get_channels(decoder.png, decoder.info);
    if (!check_picture_size(file, height, width, kPngPixelsPerByteMost, diagnostics))
        return Failure{};
    Image image = make_image(height, width, channels, 0);
    if (decoder.stays_deep) image.deep.resize(image.pixels.size());
    void* pixels = decoder.stays_deep ? static_cast<void*>(image.deep.data()) : image.pixels.data();
    if (!decoder.read_pixels(pixels, png_get_rowbytes(decoder.png, decoder.info),
                             static_cast<size_t>(height)))
        return bad();
    take_upper_bits(image);
    if (decoder.indexed) {
        auto coloured = in_colours(image, decoder, file, diagnostics);
        if (!coloured.ok()) return Failure{};
        image = coloured.take();
    }
    decoder.read_trailer();
    image = turn_upright(std::move(image), decoder.orientation());
    image.was_deep = decoder.was_deep;
    return image;
}

}  // namespace gmc::runtime
