// Grids: places of images, scaling, colours of values, pairs, stacks, errors.
#include "runtime/output/image_grid.h"

#include <cmath>

#include "runtime/output/chart.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

Image make(const ImageBatch& images, const GridOptions& options) {
    Diagnostics diagnostics;
    Result<Image> grid = image_grid(images, options, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(grid);
    return *grid;
}

TEST_CASE("a grid puts images in rows with gaps of two pixels") {
    const float values[] = {0, 0.25F, 0.5F, 0.75F, 1};
    GridOptions options;
    options.columns = 3;
    options.scale = 2;
    const Image grid = make({values, 5, 1, 1, 1}, options);
    CHECK(grid.channels == 1);
    CHECK(grid.width == 3 * 2 + 4 * 2);
    CHECK(grid.height == 2 * 2 + 3 * 2);
    CHECK(*grid.at(2, 2) == 0);
    CHECK(*grid.at(3, 3) == 0);
    CHECK(*grid.at(2, 6) == 64);
    CHECK(*grid.at(2, 10) == 128);
    CHECK(*grid.at(6, 2) == 191);
    CHECK(*grid.at(7, 7) == 255);
    CHECK(*grid.at(6, 10) == *grid.at(0, 0));  // no sixth image
}

TEST_CASE("a grid maps its range and clamps what lies outside") {
    const float values[] = {-1, 0, 1, -5, 5};
    GridOptions options;
    options.low = -1;
    options.gap = 0;
    options.scale = 1;
    options.columns = 5;
    const Image grid = make({values, 5, 1, 1, 1}, options);
    CHECK(grid.pixels == std::vector<uint8_t>{0, 128, 255, 0, 255});
}

TEST_CASE("small images are made large, large ones left alone") {
    const std::vector<float> zeros(128 * 128);
    CHECK(make({zeros.data(), 1, 28, 28, 1}, {}).width == 3 * 28 + 4);
    CHECK(make({zeros.data(), 1, 128, 128, 1}, {}).width == 128 + 4);
    CHECK(make({zeros.data(), 16, 28, 28, 1}, {}).width ==
          4 * (3 * 28 + 2) + 2);  // as square as possible
}

TEST_CASE("values that are no numbers are magenta") {
    const float values[] = {0, NAN, INFINITY, 1};
    GridOptions options;
    options.columns = 4;
    options.gap = 0;
    options.scale = 1;
    const Image grid = make({values, 4, 1, 1, 1}, options);
    CHECK(grid.channels == 3);
    CHECK(grid.pixels == std::vector<uint8_t>{0, 0, 0, 255, 0, 255, 255, 0, 255, 255, 255, 255});
    const float colour[] = {0, 1, NAN, 0, 1, 0.2F};
    const Image two = make({colour, 2, 1, 1, 3}, options);
    CHECK(two.pixels == std::vector<uint8_t>{255, 0, 255, 0, 255, 51});
}

TEST_CASE("a pair grid puts reconstructions under their originals") {
    const float above[] = {0, 0.2F, 0.4F};
    const float below[] = {1, 0.8F, 0.6F};
    GridOptions options;
    options.columns = 2;
    options.scale = 1;
    options.gap = 1;
    Diagnostics diagnostics;
    Result<Image> grid = pair_grid({above, 3, 1, 1, 1}, {below, 3, 1, 1, 1}, options, diagnostics);
    REQUIRE(grid);
    CHECK(grid->height == 4 + 5 + 2);  // four rows, their gaps, and two gaps more between the pairs
    CHECK(*grid->at(1, 1) == 0);
    CHECK(*grid->at(3, 1) == 255);
    CHECK(*grid->at(1, 3) == 51);
    CHECK(*grid->at(3, 3) == 204);
    CHECK(*grid->at(7, 1) == 102);
    CHECK(*grid->at(9, 1) == 153);
}

TEST_CASE("a stack has room for its labels and widest part") {
    const LabelledImage parts[] = {
        {"epoch 1", make_image(10, 200, 1, 0)},
        {"a label that is wider than its picture", make_image(10, 20, 3, 0)}};
    const Image stack = stack_labelled(parts);
    CHECK(stack.channels == 3);
    CHECK(stack.width == 38 * 12 + 8);
    CHECK(stack.height == 2 * (14 + 8 + 10) + 4);
    CHECK(*stack.at(0, 0) == 255);
    bool label = false;  // the first letter of `epoch 1`
    for (int row = 4; row < 18; ++row)
        for (int column = 4; column < 14; ++column) label |= *stack.at(row, column) == 0;
    CHECK(label);
    CHECK(*stack.at(22, 4) == 0);      // the first picture
    CHECK(*stack.at(22, 204) == 255);  // beside it
}

TEST_CASE("errors of grids") {
    const float values[16] = {};
    const auto error_of = [](const ImageBatch& images, const GridOptions& options) {
        Diagnostics diagnostics;
        CHECK_FALSE(image_grid(images, options, diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(error_of({values, 1, 4, 2, 2}, {}) ==
          "[shape-mismatch] a picture has 1 (grey), 3 (colour) or 4 (with alpha) channels, but "
          "these are 4 x 2 x 2");
    CHECK(error_of({values, 0, 4, 2, 1}, {})
              .starts_with("[bad-value] no grid can be made of 0 images"));
    GridOptions options;
    options.high = 0;
    CHECK(error_of({values, 1, 4, 2, 1}, options).starts_with("[bad-value]"));
    options = {};
    options.scale = 100000;
    CHECK(error_of({values, 4, 2, 2, 1}, options).starts_with("[too-large]"));
    Diagnostics diagnostics;
    CHECK_FALSE(pair_grid({values, 2, 2, 2, 1}, {values, 1, 2, 2, 1}, {}, diagnostics).ok());
    CHECK(only_error(diagnostics) ==
          "[shape-mismatch] 2 originals of 2 x 2 x 1 cannot be paired with 1 reconstructions of 2 "
          "x 2 x 1");
}

/// Pixels that are neither white nor grey.
int64_t coloured(const Image& image, int64_t top = 0) {
    int64_t count = 0;
    for (int64_t y = top; y < image.height; ++y)
        for (int64_t x = 0; x < image.width; ++x) {
            const uint8_t* p = image.at(y, x);
            count += p[0] != p[1] || p[1] != p[2] ? 1 : 0;
        }
    return count;
}

TEST_CASE("smoothing is an average whose start is corrected", "[output]") {
    const std::vector<double> values = {4, 4, NAN, 8};
    const std::vector<double> out = smoothed(values, 0.5);
    CHECK(out[0] == Approx(4));
    CHECK(out[1] == Approx(4));
    CHECK(std::isnan(out[2]));
    // Weights 1/8, 1/4, 1/2 of 4, 4, 8, divided by their sum.
    CHECK(out[3] == Approx((0.125 * 4 + 0.25 * 4 + 0.5 * 8) / 0.875));
    CHECK(smoothed(values, 0)[3] == Approx(8));
}

TEST_CASE("a chart draws finite values only, and of logarithms those above 0", "[output]") {
    Diagnostics diagnostics;
    const std::vector<Curve> curves = {{"a", {0, 10, 20}, {1, NAN, 100}}, {"b", {0, 20}, {-1, 0}}};
    ChartOptions options;
    options.width = 200;
    options.height = 100;
    const auto linear = line_chart(curves, options, diagnostics);
    REQUIRE(linear.ok());
    CHECK(coloured(*linear) > 100);
    options.logarithmic = true;
    const auto logarithmic = line_chart(curves, options, diagnostics);
    REQUIRE(logarithmic.ok());
    CHECK(coloured(*logarithmic) < coloured(*linear));
    CHECK_FALSE(diagnostics.any());
    const std::vector<Curve> below = {{"b", {0, 20}, {-1, 0}}};
    CHECK_FALSE(line_chart(below, options, diagnostics).ok());
    options.smoothing = 1;
    CHECK_FALSE(line_chart(curves, options, diagnostics).ok());
}

TEST_CASE("a value without neighbours is a dot that can be seen", "[output]") {
    Diagnostics diagnostics;
    const std::vector<Curve> one = {{"a", {5}, {1}}};
    const auto chart = line_chart(one, {}, diagnostics);
    REQUIRE(chart.ok());
    constexpr int64_t kFrame = 30;  // below the legend
    CHECK(coloured(*chart, kFrame) > 20);
}

}  // namespace
}  // namespace gmc::runtime
