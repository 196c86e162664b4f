// libjpeg reports errors by a longjmp, which must not jump over C++ objects: what is called between
// setjmp and its end owns nothing, everything lives in the caller.
#include "runtime/data/files/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>

// After <cstdio>, which it needs and does not include.
#include <jpeglib.h>

// After <jpeglib.h>, which has the switches that decide what it declares.
#include <jerror.h>

namespace gmc::runtime {
namespace {

constexpr uint64_t kPixelsMost = uint64_t{1} << 28;
/// A block of 64 pixels takes a few bits at least; progressive files can leave blocks out, but not
/// that many that a thousandfold is sense.
constexpr uint64_t kPixelsPerByteMost = 64 * 1024;

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

struct Decoder {
    jpeg_decompress_struct info{};
    Errors errors{};

    Decoder() {
        info.err = jpeg_std_error(&errors.base);
        errors.base.error_exit = fail;
        errors.base.emit_message = warn;
    }
    ~Decoder() { jpeg_destroy_decompress(&info); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// The size in `info`; false after an error, whose text is in `errors`.
    bool read_header(std::string_view bytes) {
        if (setjmp(errors.back) != 0) return false;
        jpeg_create_decompress(&info);
        jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
                     static_cast<unsigned long>(bytes.size()));
        jpeg_read_header(&info, TRUE);
        info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
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
};

}  // namespace

Result<Image> decode_jpeg(std::string_view bytes, const std::string& name,
                          Diagnostics& diagnostics) {
    Decoder decoder;
    const auto bad = [&] {
        const size_t left = decoder.info.src == nullptr ? 0 : decoder.info.src->bytes_in_buffer;
        // At the end libjpeg makes up two bytes of its own.
        const size_t offset = left > bytes.size() ? bytes.size() : bytes.size() - left;
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "`{}` ({} bytes) is not a good JPEG: {}; found at about offset {}", name,
                          bytes.size(), decoder.errors.text, offset);
        return Failure{};
    };
    if (!decoder.read_header(bytes)) return bad();
    const uint64_t pixels = uint64_t{decoder.info.image_width} * decoder.info.image_height;
    if (pixels > kPixelsMost || pixels > bytes.size() * kPixelsPerByteMost) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "`{}` ({} bytes) says that it has {} x {} pixels, which is too much",
                          name, bytes.size(), decoder.info.image_width, decoder.info.image_height);
        return Failure{};
    }
    const int64_t channels = decoder.info.num_components == 1 ? 1 : 3;
    Image image = make_image(decoder.info.image_height, decoder.info.image_width, channels, 0);
    if (!decoder.read_pixels(image.pixels.data(), static_cast<size_t>(image.width * channels)))
        return bad();
    return image;
}

}  // namespace gmc::runtime
