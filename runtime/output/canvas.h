// The means to draw plots: colours, rectangles, and dots and lines with soft edges.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/files/image.h"

namespace gmc::runtime {

using Colour = std::array<uint8_t, 3>;

/// A place in pixels from the top left corner; the centre of the first pixel is (0.5, 0.5).
struct Point {
    double x = 0, y = 0;
};

/// A rectangle; it has to lie in the image, which has 3 channels, here and below.
void fill(int64_t top, int64_t left, int64_t height, int64_t width, const Colour& colour,
          Image& image);
/// A disc. Its edge is one pixel wide: there, the colour fades with the distance of a pixel's
/// centre.
void dot(double x, double y, double radius, const Colour& colour, double opacity, Image& image);
/// A line with round ends; what lies outside of the image is cut off.
void segment(Point from, Point to, double radius, const Colour& colour, Image& image);

/// 1, 2 or 5 times a power of ten, so that about `lines` of them fit into `extent`.
double round_step(double extent, double lines);
constexpr double kLinesAbout = 6;  ///< lines with numbers in a chart or scatter plot
/// Of the lines with numbers, and of the frame around a chart or scatter plot.
constexpr Colour kGridColour{232, 232, 232}, kFrameColour{128, 128, 128};

}  // namespace gmc::runtime
