// Draws scatter plots: a view of the plane that holds the data, and dots whose edges are blended
// with what is below them.
#include "runtime/output/scatter.h"

#include <algorithm>
#include <cmath>

#include "runtime/output/canvas.h"
#include "runtime/output/font.h"

namespace gmc::runtime {
namespace {

constexpr Colour kDataColour{176, 196, 222}, kPointColour{24, 56, 128};
/// Share of the extent that is left free on each side.
constexpr double kFreeShare = 0.08;
/// Below 1, so that many points on one place are darker than one.
constexpr double kPointOpacity = 0.7;
constexpr int64_t kScatterBorder = 44, kCaption = 24;
constexpr double kPathRadius = 0.8;

/// The part of the plane that is shown, a square.
struct View {
    double left = 0, bottom = 0, extent = 1;
    int64_t side = 0;
    double x(double value) const {
        return kScatterBorder + (value - left) / extent * static_cast<double>(side);
    }
    double y(double value) const {
        return kCaption + (1 - (value - bottom) / extent) * static_cast<double>(side);
    }
    bool holds(double px, double py) const {
        return px >= left && px <= left + extent && py >= bottom && py <= bottom + extent;
    }
};

/// The smallest square around the finite points, with a margin. False when there are none.
bool make_view(std::span<const float> shown, View& view) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i + 1 < shown.size(); i += 2) {
        if (!std::isfinite(shown[i]) || !std::isfinite(shown[i + 1])) continue;
        for (size_t k = 0; k < 2; ++k) {
            low[k] = std::min(low[k], double{shown[i + k]});
            high[k] = std::max(high[k], double{shown[i + k]});
        }
    }
    if (low[0] > high[0]) return false;
    double extent = std::max(high[0] - low[0], high[1] - low[1]);
    // All points are equal, or too close for doubles to tell apart.
    double largest = 0;
    for (size_t k = 0; k < 2; ++k)
        largest = std::max({largest, std::abs(low[k]), std::abs(high[k])});
    extent = std::max(extent, 1e-6 * largest);
    if (extent == 0) extent = 1;
    extent *= 1 + 2 * kFreeShare;
    view.extent = extent;
    view.left = (low[0] + high[0] - extent) / 2;
    view.bottom = (low[1] + high[1] - extent) / 2;
    return true;
}

/// Draws the points that lie in the view and returns how many do not.
int64_t dots(std::span<const float> points, const View& view, double radius, const Colour& colour,
             double opacity, Image& image) {
    int64_t outside = 0;
    for (size_t i = 0; i + 1 < points.size(); i += 2) {
        if (view.holds(points[i], points[i + 1]))
            dot(view.x(points[i]), view.y(points[i + 1]), radius, colour, opacity, image);
        else
            ++outside;
    }
    return outside;
}

/// Draws lines at round numbers, their labels below and at the left, and a frame.
void axes(const View& view, Image& image) {
    const double step = round_step(view.extent, kLinesAbout);
    const auto pixel = [](double place) { return static_cast<int64_t>(std::floor(place)); };
    const auto each_line = [&](double low, auto&& use) {
        for (double i = std::ceil(low / step); i * step <= low + view.extent; ++i)
            use(i * step, fmt::format("{:.4g}", i * step + 0.0));
    };
    each_line(view.left, [&](double value, const std::string& label) {
        const int64_t x = pixel(view.x(value));
        fill(kCaption, x, view.side, 1, kGridColour, image);
        draw_text(label, kCaption + view.side + 8,
                  std::max<int64_t>(0, x - text_width(label, 1) / 2), 1, image);
    });
    each_line(view.bottom, [&](double value, const std::string& label) {
        const int64_t y = pixel(view.y(value));
        fill(y, kScatterBorder, 1, view.side, kGridColour, image);
        draw_text(label, y - kGlyphHeight / 2,
                  std::max<int64_t>(0, kScatterBorder - 8 - text_width(label, 1)), 1, image);
    });
    for (const int64_t offset : {int64_t{0}, view.side}) {
        fill(kCaption, kScatterBorder + offset, view.side + 1, 1, kFrameColour, image);
        fill(kCaption + offset, kScatterBorder, 1, view.side + 1, kFrameColour, image);
    }
}

/// Lines from point to point of each path, as far as the view holds both.
void paths(std::span<const float> points, const View& view, int64_t length, Image& image) {
    const auto step = static_cast<size_t>(2 * std::max<int64_t>(length, 1));
    for (size_t path = 0; path + step <= points.size(); path += step)
        for (size_t i = path; i + 4 <= path + step; i += 2)
            if (view.holds(points[i], points[i + 1]) && view.holds(points[i + 2], points[i + 3]))
                segment({view.x(points[i]), view.y(points[i + 1])},
                        {view.x(points[i + 2]), view.y(points[i + 3])}, kPathRadius, kPointColour,
                        image);
}

/// Above the frame: a dot of each colour and what it stands for.
void legend(std::span<const float> data, std::span<const float> points, int64_t outside,
            const ScatterOptions& options, Image& image) {
    constexpr double kDot = 3;
    double left = kScatterBorder + kDot;
    const auto entry = [&](const Colour& colour, const std::string& text) {
        dot(left, kCaption / 2.0, kDot, colour, 1, image);
        draw_text(text, (kCaption - kGlyphHeight) / 2, static_cast<int64_t>(left) + 8, 1, image);
        left += static_cast<double>(text_width(text, 1)) + 32;
    };
    if (!data.empty()) entry(kDataColour, "data");
    std::string text = fmt::format("{} samples", points.size() / 2);
    if (options.path_length > 1)
        text = fmt::format("{} paths of {} samples",
                           points.size() / 2 / static_cast<size_t>(options.path_length),
                           options.path_length);
    if (outside > 0) text += fmt::format(", {} of them outside", outside);
    entry(kPointColour, text);
}

}  // namespace

Result<Image> scatter_plot(std::span<const float> data, std::span<const float> points,
                           const ScatterOptions& options, Diagnostics& diagnostics) {
    View view;
    view.side = options.side;
    const bool pairs = data.size() % 2 == 0 && points.size() % 2 == 0;
    if (!pairs || options.side < 64 || options.side > 8192 ||
        !make_view(data.empty() ? points : data, view)) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "no scatter plot can be made of {} and {} coordinates in {} pixels: they "
                          "come in pairs, some are finite, and a side has 64 to 8192 pixels",
                          data.size(), points.size(), options.side);
        return Failure{};
    }
    Image image =
        make_image(kCaption + view.side + kCaption, kScatterBorder + view.side + kCaption, 3, 255);
    axes(view, image);
    dots(data, view, options.data_radius, kDataColour, 1, image);
    paths(points, view, options.path_length, image);
    const int64_t outside =
        dots(points, view, options.point_radius, kPointColour, kPointOpacity, image);
    legend(data, points, outside, options, image);
    return image;
}

}  // namespace gmc::runtime
