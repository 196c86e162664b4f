// Puts float images into one picture: a Layout says where each image goes; put_pixel() makes a
// pixel of floats.
#include "runtime/output/image_grid.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compiler/support/check.h"
#include "compiler/support/paths.h"
#include "compiler/support/wrap.h"
#include "runtime/output/font.h"

namespace gmc::runtime {
namespace {

/// Pixels of the longer side of an image that is shown enlarged.
constexpr int64_t kAutoSide = 84;
/// A picture of 2^28 pixels takes a gigabyte in memory with alpha.
constexpr int64_t kPixelsMost = int64_t{1} << 28;
/// Grey, because pictures are mostly black or white at their edges.
constexpr uint8_t kGapGrey = 96;
constexpr int64_t kCaptionSpace = 2;  ///< above and below a caption
constexpr uint8_t kMagenta[4] = {255, 0, 255, 255};

/// A grid whose sizes are known.
struct Layout {
    int64_t columns = 0;
    int64_t rows = 0;
    int64_t scale = 1;
    int64_t gap = 0;
    /// Scaled, without the gap.
    int64_t cell_height = 0;
    int64_t caption_height = 0;
    int64_t cell_width = 0;
    /// Rows that belong together: 2 in a grid of pairs, else 1.
    int64_t group = 1;
    /// The top of a row. Between groups there are two gaps more than between rows of a group.
    int64_t top(int64_t row) const {
        return gap + row * (cell_height + caption_height + gap) +
               (group > 1 ? row / group * 2 * gap : 0);
    }
    int64_t left(int64_t column) const { return gap + column * (cell_width + gap); }
    int64_t height() const { return top(rows - 1) + cell_height + caption_height + gap; }
    int64_t width() const { return left(columns - 1) + cell_width + gap; }
};

bool check_batch(const ImageBatch& images, const GridOptions& options, Diagnostics& diagnostics) {
    if (images.channels != 1 && images.channels != 3 && images.channels != 4) {
        diagnostics.error(
            DiagnosticKind::kShapeMismatch, {},
            "a picture has 1 (grey), 3 (colour) or 4 (with alpha) channels, but these are {} x {} "
            "x {}",
            images.height, images.width, images.channels);
        return false;
    }
    if (images.count < 1 || images.height < 1 || images.width < 1 || options.columns < 0 ||
        options.gap < 0 || options.scale < 0 || !(options.low < options.high)) {
        diagnostics.error(
            DiagnosticKind::kBadValue, {},
            "no grid can be made of {} images of {} x {} with {} columns, gap {}, scale {} "
            "and range [{}, {}]",
            images.count, images.height, images.width, options.columns, options.gap, options.scale,
            options.low, options.high);
        return false;
    }
    return true;
}

/// Chooses columns and scale where the options leave them open, and refuses what would be too
/// large.
Result<Layout> make_layout(const ImageBatch& images, const GridOptions& options, int64_t group,
                           Diagnostics& diagnostics) {
    Layout layout;
    layout.group = group;
    layout.gap = options.gap;
    if (!options.captions.empty()) layout.caption_height = kGlyphHeight + 2 * kCaptionSpace;
    layout.columns = options.columns;
    if (layout.columns == 0)
        layout.columns =
            static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images.count * group))));
    layout.columns = std::min(layout.columns, images.count);
    layout.rows = (images.count + layout.columns - 1) / layout.columns * group;
    layout.scale = options.scale;
    if (layout.scale == 0)
        layout.scale = std::max<int64_t>(1, kAutoSide / std::max(images.height, images.width));
    layout.cell_height = images.height * layout.scale;
    layout.cell_width = images.width * layout.scale;
    // In double, since the product of integers may overflow.
    const double pixels =
        static_cast<double>(layout.height()) * static_cast<double>(layout.width());
    if (pixels <= static_cast<double>(kPixelsMost)) return layout;
    diagnostics
        .error(DiagnosticKind::kTooLarge, {}, "a grid of {} images would have {} x {} pixels",
               images.count, layout.width(), layout.height())
        .help("show fewer of them");
    return Failure{};
}

/// An opaque canvas of one grey.
Image make_canvas(int64_t height, int64_t width, int64_t channels, uint8_t grey) {
    Image canvas = make_image(height, width, channels, grey);
    if (canvas.has_alpha())
        for (int64_t i = 0; i < height * width; ++i)
            canvas.pixels[i * channels + channels - 1] = 255;
    return canvas;
}

/// Whether any number is NaN or infinite.
bool has_nonfinite(const ImageBatch& images) {
    const int64_t size = images.count * images.height * images.width * images.channels;
    return !std::all_of(images.data, images.data + size, [](float v) { return std::isfinite(v); });
}

/// A value of [low, high] as 0 to 255, to the nearest.
uint8_t as_byte(float value, const GridOptions& options) {
    const double share = (double{value} - options.low) / (double{options.high} - options.low);
    return static_cast<uint8_t>(std::clamp(share, 0.0, 1.0) * 255 + 0.5);
}

/// Writes one pixel of `from` channels as one of `to` channels; grey may become colour.
void put_pixel(const float* src, int64_t from, uint8_t* dst, int64_t to,
               const GridOptions& options) {
    for (int64_t c = 0; c < from; ++c) {
        if (std::isfinite(src[c])) continue;
        std::copy_n(kMagenta, to, dst);
        return;
    }
    for (int64_t c = 0; c < to; ++c) dst[c] = as_byte(src[from == 1 ? 0 : c], options);
}

/// Draws the images into rows first_row, first_row + group, ...
void draw(const ImageBatch& images, const Layout& layout, int64_t first_row,
          const GridOptions& options, Image& grid) {
    const int64_t image_floats = images.height * images.width * images.channels;
    for (int64_t i = 0; i < images.count; ++i) {
        const float* image = images.data + i * image_floats;
        const int64_t top = layout.top(i / layout.columns * layout.group + first_row);
        const int64_t left = layout.left(i % layout.columns);
        for (int64_t y = 0; y < layout.cell_height; ++y) {
            for (int64_t x = 0; x < layout.cell_width; ++x) {
                const int64_t pixel = y / layout.scale * images.width + x / layout.scale;
                put_pixel(image + pixel * images.channels, images.channels,
                          grid.at(top + y, left + x), grid.channels, options);
            }
        }
    }
}

/// Writes the captions below the images, cut to their width.
void draw_captions(const Layout& layout, const GridOptions& options, Image& grid) {
    const auto fits = static_cast<size_t>(layout.cell_width / (kGlyphWidth + 1));
    for (size_t i = 0; i < options.captions.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        draw_text(std::string_view(options.captions[i]).substr(0, fits),
                  layout.top(at / layout.columns) + layout.cell_height + kCaptionSpace,
                  layout.left(at % layout.columns), 1, grid);
    }
}

/// Copies an image. Grey may become colour, and opaque may get an alpha channel.
void paste(const Image& image, int64_t top, int64_t left, Image& onto) {
    for (int64_t y = 0; y < image.height; ++y)
        for (int64_t x = 0; x < image.width; ++x)
            for (int64_t c = 0; c < onto.channels; ++c) {
                const bool opaque = c == 3 && image.channels < 4;
                onto.at(top + y, left + x)[c] =
                    opaque ? 255 : image.at(y, x)[image.channels == 1 ? 0 : c];
            }
}

}  // namespace

bool can_be_grid(const ImageBatch& images, const GridOptions& options, Diagnostics& diagnostics) {
    return check_batch(images, options, diagnostics) &&
           make_layout(images, options, 1, diagnostics).ok();
}

Result<Image> image_grid(const ImageBatch& images, const GridOptions& options,
                         Diagnostics& diagnostics) {
    if (!check_batch(images, options, diagnostics)) return Failure{};
    Result<Layout> layout = make_layout(images, options, 1, diagnostics);
    if (!layout) return Failure{};
    const int64_t channels =
        has_nonfinite(images) ? std::max<int64_t>(images.channels, 3) : images.channels;
    Image grid = make_canvas(layout->height(), layout->width(), channels, kGapGrey);
    draw(images, *layout, 0, options, grid);
    draw_captions(*layout, options, grid);
    return grid;
}

Result<Image> pair_grid(const ImageBatch& originals, const ImageBatch& reconstructions,
                        const GridOptions& options, Diagnostics& diagnostics) {
    const ImageBatch& a = originals;
    const ImageBatch& b = reconstructions;
    if (!check_batch(a, options, diagnostics)) return Failure{};
    if (a.count != b.count || a.height != b.height || a.width != b.width ||
        a.channels != b.channels) {
        diagnostics.error(
            DiagnosticKind::kShapeMismatch, {},
            "{} originals of {} x {} x {} cannot be paired with {} reconstructions of {} x "
            "{} x {}",
            a.count, a.height, a.width, a.channels, b.count, b.height, b.width, b.channels);
        return Failure{};
    }
    Result<Layout> layout = make_layout(a, options, 2, diagnostics);
    if (!layout) return Failure{};
    const bool broken = has_nonfinite(a) || has_nonfinite(b);
    const int64_t channels = broken ? std::max<int64_t>(a.channels, 3) : a.channels;
    Image grid = make_canvas(layout->height(), layout->width(), channels, kGapGrey);
    draw(a, *layout, 0, options, grid);
    draw(b, *layout, 1, options, grid);
    return grid;
}

/// Finds the height of each row first, then draws.
Image stack_labelled(std::span<const LabelledImage> parts, int64_t columns) {
    GMC_CHECK(!parts.empty() && columns > 0, "a stack of no pictures");
    constexpr int64_t kMargin = 4;
    constexpr int64_t kTextScale = 2;
    const int64_t label_height = kTextScale * kGlyphHeight + 2 * kMargin;
    // All parts are as wide as the widest label, which may be what a file says.
    const auto shown = [](const LabelledImage& part) { return cut(part.label, kLongestName); };
    const auto count = static_cast<int64_t>(parts.size());
    columns = std::min(columns, count);
    int64_t width = 0, channels = 1;
    std::vector<int64_t> heights(static_cast<size_t>((count + columns - 1) / columns), 0);
    for (int64_t i = 0; i < count; ++i) {
        const LabelledImage& part = parts[static_cast<size_t>(i)];
        int64_t& height = heights[static_cast<size_t>(i / columns)];
        height = std::max(height, label_height + part.image.height);
        width = std::max({width, part.image.width, text_width(shown(part), kTextScale)});
        channels = std::max(channels, part.image.channels);
    }
    const int64_t height = std::accumulate(heights.begin(), heights.end(), kMargin);
    Image stack = make_canvas(height, columns * (width + kMargin) + kMargin, channels, 255);
    int64_t top = 0;
    for (int64_t i = 0; i < count; ++i) {
        const LabelledImage& part = parts[static_cast<size_t>(i)];
        const int64_t left = kMargin + i % columns * (width + kMargin);
        draw_text(shown(part), top + kMargin, left, kTextScale, stack);
        paste(part.image, top + label_height, left, stack);
        if (i % columns == columns - 1) top += heights[static_cast<size_t>(i / columns)];
    }
    return stack;
}

}  // namespace gmc::runtime
