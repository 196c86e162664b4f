// Draws curves in a frame. Values are scaled once, to logarithms where that is asked for; all that
// follows is straight lines.
#include "runtime/output/chart.h"

#include <algorithm>
#include <cmath>

#include "compiler/support/paths.h"
#include "compiler/support/wrap.h"
#include "runtime/output/canvas.h"
#include "runtime/output/font.h"

namespace gmc::runtime {
namespace {

/// Okabe and Ito 2008: told apart by the colour-blind too.
constexpr Colour kPalette[] = {{0, 114, 178}, {213, 94, 0},   {0, 158, 115}, {204, 121, 167},
                               {230, 159, 0}, {86, 180, 233}, {0, 0, 0},     {150, 110, 60}};
/// Pixels: room for labels at the left and below, a line of the legend, and the margin at the top.
constexpr int64_t kBorder = 64, kBelow = 24, kLegendLine = 14, kTop = 8;
/// How many grid lines a frame has about; radii of curves, of their pale originals and of dots in
/// pixels; and the share of the extent that is left free above and below.
constexpr double kLine = 0.9, kThin = 0.5, kDot = 3, kMargin = 0.05;

constexpr const char* kXName = "step";

Colour colour_of(size_t curve) { return kPalette[curve % std::size(kPalette)]; }

/// Half way to white.
Colour pale(const Colour& colour) {
    Colour out = colour;
    for (uint8_t& c : out) c = static_cast<uint8_t>(255 - (255 - c) / 3);
    return out;
}

/// Where the frame is in the picture (pixels), and which values it shows.
struct Frame {
    double left = INFINITY, right = -INFINITY, low = INFINITY, high = -INFINITY;
    int64_t top = 0, width = 0, height = 0;
    bool logarithmic = false;

    /// A value as it is measured along the frame: NaN where it has no place.
    double scaled(double value) const {
        if (!std::isfinite(value) || (logarithmic && value <= 0)) return NAN;
        return logarithmic ? std::log10(value) : value;
    }
    void include(const Curve& curve) {
        for (size_t i = 0; i < curve.x.size(); ++i) {
            const double y = scaled(curve.y[i]);
            if (!std::isfinite(y)) continue;
            left = std::min(left, curve.x[i]);
            right = std::max(right, curve.x[i]);
            low = std::min(low, y);
            high = std::max(high, y);
        }
    }
    bool has_points() const { return left <= right; }
    /// Room above and below; a single value gets a frame of its own size.
    void widen() {
        if (right == left) right = left + 1;
        const double extent = high > low ? high - low : std::max(std::abs(high), 1e-6);
        low -= kMargin * extent;
        high += kMargin * extent;
    }
    Point at(double x, double y) const {
        return {kBorder + (x - left) / (right - left) * static_cast<double>(width),
                static_cast<double>(top) + (high - y) / (high - low) * static_cast<double>(height)};
    }
};

/// About kLinesAbout round numbers from `low` to `high`.
std::vector<double> round_numbers(double low, double high) {
    std::vector<double> out;
    const double step = round_step(high - low, kLinesAbout);
    for (double i = std::ceil(low / step); i * step <= high; ++i) out.push_back(i * step + 0.0);
    return out;
}

/// The same of values on a logarithmic axis, from 10^low to 10^high: 1, 2 and 5 times powers of ten
/// where they are few.
std::vector<double> round_powers(double low, double high) {
    if (high - low < 1) return round_numbers(std::pow(10, low), std::pow(10, high));
    std::vector<double> out;
    for (double power = std::floor(low); power <= high; ++power)
        for (const double factor : {1.0, 2.0, 5.0})
            if (const double value = factor * std::pow(10, power);
                (factor == 1 || high - low < 3) && std::log10(value) >= low &&
                std::log10(value) <= high)
                out.push_back(value);
    return out;
}

void axes(const Frame& frame, Image& image) {
    draw_text(kXName, frame.top + frame.height + 8, kBorder - 8 - text_width(kXName, 1), 1, image);
    for (const double x : round_numbers(frame.left, frame.right)) {
        const auto column = static_cast<int64_t>(frame.at(x, frame.low).x);
        const std::string label = fmt::format("{:.6g}", x);
        fill(frame.top, column, frame.height, 1, kGridColour, image);
        draw_text(label, frame.top + frame.height + 8,
                  std::clamp<int64_t>(column - text_width(label, 1) / 2, 0,
                                      image.width - text_width(label, 1)),
                  1, image);
    }
    for (const double y : frame.logarithmic ? round_powers(frame.low, frame.high)
                                            : round_numbers(frame.low, frame.high)) {
        const auto row = static_cast<int64_t>(frame.at(frame.left, frame.scaled(y)).y);
        const std::string label = fmt::format("{:.3g}", y);
        fill(row, kBorder, 1, frame.width, kGridColour, image);
        draw_text(label, row - kGlyphHeight / 2,
                  std::max<int64_t>(0, kBorder - 8 - text_width(label, 1)), 1, image);
    }
    for (const int64_t offset : {int64_t{0}, frame.width})
        fill(frame.top, kBorder + offset, frame.height + 1, 1, kFrameColour, image);
    for (const int64_t offset : {int64_t{0}, frame.height})
        fill(frame.top + offset, kBorder, 1, frame.width + 1, kFrameColour, image);
}

/// A curve as segments between neighbouring values; a value that is not finite interrupts it, and
/// one without neighbours is a dot.
void draw(const Frame& frame, std::span<const double> x, std::span<const double> y, double radius,
          const Colour& colour, Image& image) {
    for (size_t i = 0; i < x.size(); ++i) {
        const double value = frame.scaled(y[i]);
        if (!std::isfinite(value)) continue;
        const Point to = frame.at(x[i], value);
        const double before = i > 0 ? frame.scaled(y[i - 1]) : NAN;
        const double after = i + 1 < x.size() ? frame.scaled(y[i + 1]) : NAN;
        if (std::isfinite(before))
            segment(frame.at(x[i - 1], before), to, radius, colour, image);
        else if (!std::isfinite(after))
            segment(to, to, kDot, colour, image);
    }
}

/// A line per curve above the frame: its colour, name and last value.
void legend(std::span<const Curve> curves, Image& image) {
    for (size_t i = 0; i < curves.size(); ++i) {
        const int64_t top = kTop + static_cast<int64_t>(i) * kLegendLine;
        const double middle = static_cast<double>(top) + kGlyphHeight / 2.0;
        segment({kBorder, middle}, {kBorder + 20.0, middle}, kLine, colour_of(i), image);
        const std::string last =
            curves[i].y.empty() ? "" : fmt::format("  {:.4g}", curves[i].y.back());
        draw_text(cut(curves[i].name, kLongestName) + last, top, kBorder + 28, 1, image);
    }
}

bool in_range(const ChartOptions& o) {
    const auto side = [](int64_t pixels) { return pixels >= 64 && pixels <= 8192; };
    return side(o.width) && side(o.height) && o.smoothing >= 0 && o.smoothing < 1;
}

}  // namespace

std::vector<double> smoothed(std::span<const double> values, double smoothing) {
    std::vector<double> out(values.begin(), values.end());
    double mean = 0, weight = 0;
    for (double& value : out) {
        if (!std::isfinite(value)) continue;
        mean = smoothing * mean + (1 - smoothing) * value;
        weight = smoothing * weight + (1 - smoothing);
        value = mean / weight;
    }
    return out;
}

bool has_points(std::span<const Curve> curves, const ChartOptions& options) {
    Frame frame;
    frame.logarithmic = options.logarithmic;
    for (const Curve& curve : curves) frame.include(curve);
    return frame.has_points();
}

Result<Image> line_chart(std::span<const Curve> curves, const ChartOptions& options,
                         Diagnostics& diagnostics) {
    Frame frame;
    frame.logarithmic = options.logarithmic;
    for (const Curve& curve : curves) frame.include(curve);
    const bool has_points = frame.has_points();
    if (!in_range(options) || !has_points) {
        diagnostics.error(DiagnosticKind::kBadValue, {}, "no chart can be drawn: {}",
                          has_points            ? "the size or the smoothing is out of range"
                          : options.logarithmic ? "there are no finite values above 0"
                                                : "there are no finite values");
        return Failure{};
    }
    frame.widen();
    frame.width = options.width;
    frame.height = options.height;
    frame.top = kTop + static_cast<int64_t>(curves.size()) * kLegendLine + kTop;
    Image image =
        make_image(frame.top + frame.height + kBelow, kBorder + frame.width + kBelow, 3, 255);
    axes(frame, image);
    const bool smooth = options.smoothing > 0;
    for (size_t i = 0; smooth && i < curves.size(); ++i)
        draw(frame, curves[i].x, curves[i].y, kThin, pale(colour_of(i)), image);
    for (size_t i = 0; i < curves.size(); ++i)
        draw(frame, curves[i].x, smoothed(curves[i].y, options.smoothing), kLine, colour_of(i),
             image);
    legend(curves, image);
    return image;
}

}  // namespace gmc::runtime
