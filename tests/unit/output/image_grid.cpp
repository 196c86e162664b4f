// Grids: places of images, scaling, colours of values, pairs, stacks, errors.
#include "runtime/output/image_grid.h"

#include <cmath>

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
    CHECK(*stack.at(4, 4) == 0);       // the E of `epoch`
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

}  // namespace
}  // namespace gmc::runtime
