// Decodes WebP, still or animated, through the library's decoder of animations, which takes both.
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/optional/formats.h"
#include "runtime/data/pictures/orientation.h"

namespace gmc::runtime {
namespace {

/// A picture of one colour takes some 30 bytes, whatever its size (at most 2^14 x 2^14).
constexpr uint64_t kPixelsPerByteMost = uint64_t{1} << 24;

struct Free {
    void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

int orientation_of(const WebPDemuxer* demuxer) {
    WebPChunkIterator chunk;
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
    std::string_view block(reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size);
    // Some writers put JPEG's prefix before it.
    constexpr std::string_view kPrefix("Exif\0\0", 6);
    if (block.starts_with(kPrefix)) block.remove_prefix(kPrefix.size());
    const int orientation = exif_orientation(block);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

}  // namespace

/// The decoder for animations reads single pictures too, so one way serves for both; of an
/// animation it gives the first picture.
Result<Image> decode_webp(const PictureBytes& file, Diagnostics& diagnostics) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(file.bytes.data());
    const auto bad = [&](const char* reason) {
        return report_bad_picture(file, reason, diagnostics);
    };
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(bytes, file.bytes.size(), &features) != VP8_STATUS_OK)
        return bad("its header is damaged");
    if (!check_picture_size(file, features.height, features.width, kPixelsPerByteMost, diagnostics))
        return Failure{};
    WebPAnimDecoderOptions options;
    if (WebPAnimDecoderOptionsInit(&options) == 0) return bad("libwebp is of another version");
    options.color_mode = MODE_RGBA;
    options.use_threads = 0;
    const WebPData data{bytes, file.bytes.size()};
    const std::unique_ptr<WebPAnimDecoder, Free> decoder(WebPAnimDecoderNew(&data, &options));
    uint8_t* pixels = nullptr;
    int time = 0;
    if (!decoder || WebPAnimDecoderGetNext(decoder.get(), &pixels, &time) == 0)
        return bad("it is damaged or cut short");
    WebPAnimInfo info;
    WebPAnimDecoderGetInfo(decoder.get(), &info);
    Image image = make_image(info.canvas_height, info.canvas_width, 4, 0);
    std::copy_n(pixels, image.pixels.size(), image.pixels.data());
    if (features.has_alpha == 0) image = drop_alpha(image);
    return turn_upright(std::move(image), orientation_of(WebPAnimDecoderGetDemuxer(decoder.get())));
}

}  // namespace gmc::runtime
