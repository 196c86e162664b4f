// Draws shapes with soft edges: the colour of a pixel follows from the distance of its centre from
// the shape.
#include "runtime/output/canvas.h"

#include <algorithm>
#include <cmath>

namespace gmc::runtime {
namespace {

void blend(const Colour& colour, double share, uint8_t* pixel) {
    for (size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<uint8_t>(pixel[c] + share * (colour[c] - pixel[c]) + 0.5);
}

/// The pixels from `low` to `high` of a row or column that has `size` of them.
struct Pixels {
    int64_t first, last;
};
Pixels pixels(double low, double high, int64_t size) {
    return {std::max<int64_t>(0, static_cast<int64_t>(std::floor(low))),
            std::min<int64_t>(size - 1, static_cast<int64_t>(std::ceil(high)))};
}

double distance_to_segment(Point p, Point a, Point b) {
    const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    const double along =
        length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
    return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

}  // namespace

void fill(int64_t top, int64_t left, int64_t height, int64_t width, const Colour& colour,
          Image& image) {
    for (int64_t y = top; y < top + height; ++y)
        for (int64_t x = left; x < left + width; ++x)
            std::copy(colour.begin(), colour.end(), image.at(y, x));
}

void dot(double x, double y, double radius, const Colour& colour, double opacity, Image& image) {
    const Pixels rows = pixels(y - radius - 1, y + radius + 1, image.height);
    const Pixels columns = pixels(x - radius - 1, x + radius + 1, image.width);
    for (int64_t row = rows.first; row <= rows.last; ++row)
        for (int64_t column = columns.first; column <= columns.last; ++column) {
            const double distance = std::hypot(static_cast<double>(column) + 0.5 - x,
                                               static_cast<double>(row) + 0.5 - y);
            const double share = std::clamp(radius + 0.5 - distance, 0.0, 1.0);
            if (share > 0) blend(colour, share * opacity, image.at(row, column));
        }
}

void segment(Point from, Point to, double radius, const Colour& colour, Image& image) {
    const Pixels rows = pixels(std::min(from.y, to.y) - radius - 1,
                               std::max(from.y, to.y) + radius + 1, image.height);
    const Pixels columns = pixels(std::min(from.x, to.x) - radius - 1,
                                  std::max(from.x, to.x) + radius + 1, image.width);
    for (int64_t row = rows.first; row <= rows.last; ++row)
        for (int64_t column = columns.first; column <= columns.last; ++column) {
            const Point centre{static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5};
            const double share =
                std::clamp(radius + 0.5 - distance_to_segment(centre, from, to), 0.0, 1.0);
            if (share > 0) blend(colour, share, image.at(row, column));
        }
}

double round_step(double extent, double lines) {
    const double rough = extent / lines, power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= rough) return factor * power;
    return 10 * power;
}

}  // namespace gmc::runtime
