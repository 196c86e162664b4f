// Decodes JPEG through libjpeg. It reports errors by a longjmp, which must not jump over C++
// objects: what is called between setjmp and its end owns nothing, everything lives in the caller.
#include "runtime/data/pictures/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>

// After <cstdio>, which it needs and does not include.
#include <jpeglib.h>

// After <jpeglib.h>, which has the switches that decide what it declares.
#include <jerror.h>

#include "runtime/data/pictures/orientation.h"

namespace gmc::runtime {
namespace {

/// A block of 64 pixels takes at least a few bits. Progressive files can leave blocks out, but no
/// sensible file leaves out so many that a byte stands for more pixels than this.
constexpr uint64_t kJpegPixelsPerByteMost = 64 * 1024;
constexpr std::string_view kExifMagic("Exif\0\0", 6);
constexpr int kExifMarker = JPEG_APP0 + 1;

/// What libjpeg's callbacks see; `base` is first, so that the pointers to it are pointers to this.
struct Errors {
    jpeg_error_mgr base;
    std::jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail(j_common_ptr info) {
    auto* errors = reinterpret_cast<Errors*>(info->err);
    errors->base.format_message(info, errors->text);
    std::longjmp(errors->back, 1);
}

/// Warnings: those that mean lost pixels are errors here, the others are silent.
void warn(j_common_ptr info, int level) {
    if (level >= 0) return;
    const int code = info->err->msg_code;
    if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
        code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC)
        fail(info);
}

/// libjpeg's state with our handlers of errors.
struct JpegDecoder {
    jpeg_decompress_struct info{};
    Errors errors{};

    JpegDecoder() {
        info.err = jpeg_std_error(&errors.base);
        errors.base.error_exit = fail;
        errors.base.emit_message = warn;
    }
    ~JpegDecoder() { jpeg_destroy_decompress(&info); }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    /// The size in `info`; false after an error, whose text is in `errors`.
    bool read_header(std::string_view bytes) {
        if (setjmp(errors.back) != 0) return false;
        jpeg_create_decompress(&info);
        jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
                     static_cast<unsigned long>(bytes.size()));
        jpeg_save_markers(&info, kExifMarker, 0xffff);
        jpeg_read_header(&info, TRUE);
        if (info.num_components == 1)
            info.out_color_space = JCS_GRAYSCALE;
        else
            info.out_color_space = has_black() ? JCS_CMYK : JCS_RGB;
        return true;
    }
    bool read_pixels(unsigned char* pixels, size_t row_bytes) {
        if (setjmp(errors.back) != 0) return false;
        jpeg_start_decompress(&info);
        while (info.output_scanline < info.output_height) {
            JSAMPROW row = pixels + info.output_scanline * row_bytes;
            jpeg_read_scanlines(&info, &row, 1);
        }
        jpeg_finish_decompress(&info);
        return true;
    }
    bool has_black() const {
        return info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    }
    int channels() const {
        if (info.out_color_space == JCS_CMYK) return 4;
        return info.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    }
    int orientation() const {
        for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
            const std::string_view data(reinterpret_cast<const char*>(marker->data),
                                        marker->data_length);
            if (marker->marker == kExifMarker && data.starts_with(kExifMagic))
                return exif_orientation(data.substr(kExifMagic.size()));
        }
        return 1;
    }
};

/// The values are inverted, so that each is a share of light that is let through.
Image cmyk_to_rgb(const Image& cmyk) {
    Image rgb = make_image(cmyk.height, cmyk.width, 3, 0);
    const uint8_t* from = cmyk.pixels.data();
    for (uint8_t* to = rgb.pixels.data(); to != rgb.pixels.data() + rgb.pixels.size(); from += 4)
        for (int c = 0; c < 3; ++c)
            // Rounded where Pillow rounds: the part of `black` that the colour takes away.
            *to++ = static_cast<uint8_t>(from[3] - ((255 - from[c]) * from[3] + 127) / 255);
    return rgb;
}

}  // namespace

/// Memory is taken only after the header was read and its size compared with that of the file. The
/// offset in an error is where libjpeg was when it gave up, a little behind the damage.
Result<Image> decode_jpeg(const PictureBytes& file, Diagnostics& diagnostics) {
    JpegDecoder decoder;
    const auto bad = [&] {
        const size_t size = file.bytes.size();
        const size_t left = decoder.info.src == nullptr ? 0 : decoder.info.src->bytes_in_buffer;
        // At the end libjpeg makes up two bytes of its own.
        const size_t offset = left > size ? size : size - left;
        return report_bad_picture(
            file, fmt::format("{}; found at about offset {}", decoder.errors.text, offset),
            diagnostics);
    };
    if (!decoder.read_header(file.bytes)) return bad();
    const int64_t height = decoder.info.image_height, width = decoder.info.image_width;
    if (!check_picture_size(file, height, width, kJpegPixelsPerByteMost, diagnostics))
        return Failure{};
    const int orientation = decoder.orientation();  // libjpeg forgets it with the last row
    Image image = make_image(height, width, decoder.channels(), 0);
    if (!decoder.read_pixels(image.pixels.data(), static_cast<size_t>(width * image.channels)))
        return bad();
    if (decoder.has_black()) image = cmyk_to_rgb(image);
    return turn_upright(std::move(image), orientation);
}

}  // namespace gmc::runtime
