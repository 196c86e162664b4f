// Draws the pictures of the set `shapes`. Each shape is a function that gives the signed distance
// of a point from its outline, in units of the shape's radius, negative inside (formulas after
// Inigo Quilez, "2D distance functions"); a pixel's coverage follows from the distance of its
// middle.
#include "runtime/data/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "runtime/data/example_random.h"

namespace gmc::runtime {
namespace {

const std::string kNames[] = {"circle", "square", "triangle", "cross",
                              "ring",   "frame",  "star",     "crescent"};

float box_distance(float x, float y, float half_width, float half_height) {
    const float dx = std::abs(x) - half_width;
    const float dy = std::abs(y) - half_height;
    return std::hypot(std::max(dx, 0.0F), std::max(dy, 0.0F)) + std::min(std::max(dx, dy), 0.0F);
}

float circle(float x, float y) { return std::hypot(x, y) - 1.0F; }

float square(float x, float y) { return box_distance(x, y, 0.8F, 0.8F); }

float cross(float x, float y) {
    return std::min(box_distance(x, y, 1.0F, 0.3F), box_distance(x, y, 0.3F, 1.0F));
}

float ring(float x, float y) { return std::abs(std::hypot(x, y) - 0.75F) - 0.22F; }

float frame(float x, float y) { return std::abs(box_distance(x, y, 0.65F, 0.65F)) - 0.17F; }

float crescent(float x, float y) {
    return std::max(std::hypot(x, y) - 1.0F, 0.85F - std::hypot(x - 0.5F, y));
}

/// A convex or star-shaped outline with `points` tips at radius 1 and the edges' middles at
/// `inner`: folded into one sector, the edge is one line.
float sectors(float x, float y, int points, float inner) {
    const float sector = 2 * std::numbers::pi_v<float> / static_cast<float>(points);
    const float half = sector / 2;
    // Angle from the nearest tip (the first points up), mirrored: 0 at a tip, `half` between two.
    float angle = std::atan2(x, -y) / sector;
    angle = std::abs(angle - std::round(angle)) * sector;
    const float radius = std::hypot(x, y);
    const float px = radius * std::cos(angle);
    const float py = radius * std::sin(angle);
    // The line from the tip (1, 0) to the notch (inner cos half, inner sin half); right of it is
    // outside.
    const float ex = inner * std::cos(half) - 1.0F;
    const float ey = inner * std::sin(half);
    return ((px - 1.0F) * ey - py * ex) / std::hypot(ex, ey);
}

float triangle(float x, float y) { return sectors(x, y, 3, 0.5F); }

float star(float x, float y) { return sectors(x, y, 5, 0.42F); }

using Distance = float (*)(float, float);
constexpr Distance kDistances[] = {circle, square, triangle, cross, ring, frame, star, crescent};
static_assert(std::size(kNames) == std::size(kDistances));

/// A saturated colour of the given hue (0 .. 1) and brightness.
std::array<float, 3> hue_colour(float hue, float brightness) {
    std::array<float, 3> colour{};
    for (size_t c = 0; c < 3; ++c) {
        const float phase = std::abs(std::fmod(hue * 6 + static_cast<float>(2 * c), 6.0F) - 3) - 1;
        colour[c] = brightness * (0.15F + 0.85F * std::clamp(phase, 0.0F, 1.0F));
    }
    return colour;
}

uint8_t as_byte(float value) {
    return static_cast<uint8_t>(std::clamp(value * 255 + 0.5F, 0.0F, 255.0F));
}

}  // namespace

std::span<const std::string> shape_names() { return kNames; }

/// Draws random numbers in a fixed order (class, size, turn, place, colours), then colours each
/// pixel by the distance. The order is part of what a seed means: another one would be another data
/// set.
int64_t draw_shape(uint64_t seed, int64_t index, int64_t classes, int64_t height, int64_t width,
                   int64_t channels, std::span<uint8_t> pixels) {
    ExampleRandom random(seed, static_cast<uint64_t>(index));
    const uint32_t label = random.below(static_cast<uint32_t>(classes));
    const float extent = static_cast<float>(std::min(height, width));
    const float radius = extent * random.uniform(0.2F, 0.42F);
    const float turn = random.uniform(-0.25F, 0.25F);
    const float x0 = random.uniform(radius, static_cast<float>(width) - radius);
    const float y0 = random.uniform(radius, static_cast<float>(height) - radius);
    const float brightness = random.uniform(0.55F, 1.0F);
    const float background = random.uniform(0.0F, 0.15F);
    std::array<float, 3> colour{brightness, brightness, brightness};
    if (channels == 3) colour = hue_colour(random.uniform(), brightness);

    const float cosine = std::cos(turn);
    const float sine = std::sin(turn);
    uint8_t* pixel = pixels.data();
    for (int64_t row = 0; row < height; ++row) {
        for (int64_t column = 0; column < width; ++column, pixel += channels) {
            const float dx = (static_cast<float>(column) + 0.5F - x0) / radius;
            const float dy = (static_cast<float>(row) + 0.5F - y0) / radius;
            // No shape reaches beyond 1.2 radii plus a pixel; most pixels need no formula.
            float coverage = 0;
            if (dx * dx + dy * dy < 2.25F || radius < 3) {
                const float distance =
                    kDistances[label](cosine * dx + sine * dy, cosine * dy - sine * dx);
                coverage = std::clamp(0.5F - distance * radius, 0.0F, 1.0F);
            }
            for (int64_t c = 0; c < channels; ++c)
                pixel[c] =
                    as_byte(background + (colour[static_cast<size_t>(c)] - background) * coverage);
        }
    }
    return label;
}

}  // namespace gmc::runtime
