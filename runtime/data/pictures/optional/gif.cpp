// Decodes GIF through giflib: goes over the file's records up to the first picture, and puts that
// on the canvas.
#include <gif_lib.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/optional/formats.h"

namespace gmc::runtime {
namespace {

/// A code stands for at most 4096 pixels, and one that stands for so many takes 9 bits or more.
constexpr uint64_t kPixelsPerByteMost = 4096;
/// Where the rows of the four passes of an interlaced picture begin, and how far they are apart.
constexpr int kPasses[4][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};

/// For unique_ptr.
struct Close {
    void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

/// The bytes of a file as giflib wants to read them, through a callback.
struct Reader {
    std::string_view bytes;
    size_t at = 0;

    static int read(GifFileType* gif, GifByteType* to, int size) {
        auto* self = static_cast<Reader*>(gif->UserData);
        const size_t count = std::min(static_cast<size_t>(size), self->bytes.size() - self->at);
        std::copy_n(self->bytes.data() + self->at, count, reinterpret_cast<char*>(to));
        self->at += count;
        return static_cast<int>(count);
    }
};

/// Goes to the description of the first picture; false where there is none. `transparent`: the
/// number of the colour that is none, or NO_TRANSPARENT_COLOR.
bool find_picture(GifFileType* gif, int& transparent) {
    for (GifRecordType type; DGifGetRecordType(gif, &type) == GIF_OK;) {
        if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
        if (type != EXTENSION_RECORD_TYPE) return false;
        int code = 0;
        GifByteType* block = nullptr;
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) return false;
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            transparent = control.TransparentColor;
        while (block != nullptr)
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) return false;
    }
    return false;
}

/// The numbers of the colours of all pixels, in the order of the rows seen.
std::optional<std::vector<GifPixelType>> read_numbers(GifFileType* gif) {
    const int width = gif->Image.Width, height = gif->Image.Height;
    std::vector<GifPixelType> numbers(static_cast<size_t>(width) * static_cast<size_t>(height));
    const auto read_row = [&](int row) {
        return DGifGetLine(gif, numbers.data() + static_cast<ptrdiff_t>(row) * width, width) ==
               GIF_OK;
    };
    if (!gif->Image.Interlace) {
        for (int row = 0; row < height; ++row)
            if (!read_row(row)) return std::nullopt;
        return numbers;
    }
    for (const auto& [first, step] : kPasses)
        for (int row = first; row < height; row += step)
            if (!read_row(row)) return std::nullopt;
    return numbers;
}

}  // namespace

/// Only the first picture of an animation is read. It may cover a part of the screen; the rest
/// stays transparent. Colours are numbers in a table, of which one may stand for transparent.
Result<Image> decode_gif(const PictureBytes& file, Diagnostics& diagnostics) {
    Reader reader{file.bytes};
    int error = 0;
    const std::unique_ptr<GifFileType, Close> gif(DGifOpen(&reader, Reader::read, &error));
    const auto bad = [&](int code) {
        const char* reason = GifErrorString(code);
        return report_bad_picture(file, reason ? reason : "it has no picture", diagnostics);
    };
    if (!gif) return bad(error);
    int transparent = NO_TRANSPARENT_COLOR;
    if (!find_picture(gif.get(), transparent)) return bad(gif->Error);
    const GifImageDesc& part = gif->Image;
    const int64_t height = std::max(gif->SHeight, part.Top + part.Height),
                  width = std::max(gif->SWidth, part.Left + part.Width);
    if (!check_picture_size(file, part.Height, part.Width, kPixelsPerByteMost, diagnostics) ||
        !check_picture_size(file, height, width, UINT32_MAX, diagnostics))
        return Failure{};
    const ColorMapObject* colours = part.ColorMap ? part.ColorMap : gif->SColorMap;
    if (!colours) return report_bad_picture(file, "it has no colours", diagnostics);
    const std::optional<std::vector<GifPixelType>> numbers = read_numbers(gif.get());
    if (!numbers) return bad(gif->Error);
    Image image = make_image(height, width, 4, 0);
    const GifPixelType* number = numbers->data();
    for (int64_t row = part.Top; row < part.Top + part.Height; ++row)
        for (int64_t column = part.Left; column < part.Left + part.Width; ++column, ++number) {
            if (*number == transparent) continue;
            if (*number >= colours->ColorCount)
                return report_bad_picture(file, "it uses a colour that it does not have",
                                          diagnostics);
            const GifColorType& colour = colours->Colors[*number];
            const uint8_t pixel[] = {colour.Red, colour.Green, colour.Blue, 255};
            std::copy_n(pixel, 4, image.at(row, column));
        }
    return has_transparency(image) ? image : drop_alpha(image);
}

}  // namespace gmc::runtime
