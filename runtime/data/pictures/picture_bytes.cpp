// Errors that all decoders of pictures share, and the check of a picture's size against its file.
#include "runtime/data/pictures/picture_bytes.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

/// 2^28 pixels: larger pictures are hardly meant, and take a gigabyte in four channels.
constexpr int64_t kPixelsMost = int64_t{1} << 28;
/// Sides are bounded first, so that their product does not overflow.
constexpr int64_t kSideMost = int64_t{1} << 24;

}  // namespace

Failure report_bad_picture(const PictureBytes& file, const std::string& reason,
                           Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` ({} bytes) is not a good {}: {}",
                      file.name, file.bytes.size(), file.format, reason);
    return Failure{};
}

bool check_picture_size(const PictureBytes& file, int64_t height, int64_t width,
                        uint64_t pixels_per_byte_most, Diagnostics& diagnostics) {
    if (height > kSideMost || width > kSideMost || height * width > kPixelsMost) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` has {} x {} pixels, more than {}",
                          file.name, width, height, kPixelsMost);
        return false;
    }
    // A lying header would otherwise have us allocate what the file cannot hold.
    const bool lies =
        static_cast<uint64_t>(height * width) > file.bytes.size() * pixels_per_byte_most;
    if (height > 0 && width > 0 && !lies) return true;
    (void)report_bad_picture(
        file, fmt::format("its header says {} x {} pixels, which it cannot hold", width, height),
        diagnostics);
    return false;
}

void take_upper_bits(Image& image) {
    std::transform(image.deep.begin(), image.deep.end(), image.pixels.begin(),
                   [](uint16_t value) { return static_cast<uint8_t>(value >> 8); });
}

}  // namespace gmc::runtime
