// Frechet distances of known Gaussians, modes of exact points, scatter plots, spherical
// interpolation.
#include <cmath>
#include <numbers>

#include "runtime/metrics/frechet.h"
#include "runtime/metrics/modes.h"
#include "runtime/output/scatter.h"
#include "runtime/train/interpolate.h"
#include "tests/catch.h"

namespace gmc::runtime {
namespace {

TEST_CASE("a Gaussian is fitted as NumPy's mean and cov do", "[metrics]") {
    // Columns (1, 2, 3, 6) and (0, 2, 4, 2): means 3 and 2, sums of products 14, 8 and 4.
    const std::vector<float> rows = {1, 0, 2, 2, 3, 4, 6, 2};
    const GaussianFit fit = fit_gaussian(rows, 2);
    CHECK(fit.count == 4);
    CHECK(fit.mean == std::vector<double>{3, 2});
    CHECK(fit.covariance[0] == Approx(14.0 / 3));
    CHECK(fit.covariance[1] == Approx(4.0 / 3));
    CHECK(fit.covariance[2] == Approx(4.0 / 3));
    CHECK(fit.covariance[3] == Approx(8.0 / 3));
}

TEST_CASE("a fit of more rows than a block equals that of one sum", "[metrics]") {
    std::vector<float> rows(2500);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
        rows[i] = static_cast<float>(1000 + std::sin(static_cast<double>(i)));
        sum += double{rows[i]};
    }
    for (const float x : rows) squares += std::pow(double{x} - sum / 2500, 2);
    const GaussianFit fit = fit_gaussian(rows, 1);
    CHECK(fit.mean[0] == Approx(sum / 2500));
    CHECK(fit.covariance[0] == Approx(squares / 2499));
}

TEST_CASE("the Frechet distance of Gaussians that commute is that of their deviations",
          "[metrics]") {
    // For diagonal covariances: the sum of (m1 - m2)^2 + (s1 - s2)^2.
    const GaussianFit a{10, {0, 0, 1}, {4, 0, 0, 0, 9, 0, 0, 0, 1}};
    const GaussianFit b{10, {3, 4, 1}, {1, 0, 0, 0, 25, 0, 0, 0, 1}};
    CHECK(frechet_distance(a, b) == Approx(25 + 1 + 4));
    CHECK(frechet_distance(b, a) == Approx(25 + 1 + 4));
    CHECK(frechet_distance(a, a) == Approx(0).margin(1e-9));
}

TEST_CASE("the Frechet distance of 2 x 2 covariances that do not commute", "[metrics]") {
    // For a 2 x 2 product P with positive eigenvalues, tr(P^(1/2)) = sqrt(tr P + 2 sqrt(det P)).
    const GaussianFit a{10, {0, 0}, {2, 1, 1, 2}}, b{10, {1, 0}, {1, 0, 0, 4}};
    // P = [[2, 4], [1, 8]]: trace 10, determinant 3 * 4 = 12.
    const double expected = 1 + 4 + 5 - 2 * std::sqrt(10 + 2 * std::sqrt(12.0));
    CHECK(frechet_distance(a, b) == Approx(expected));
    CHECK(frechet_distance(b, a) == Approx(expected));
}

TEST_CASE("the Frechet distance of singular covariances is finite and exact", "[metrics]") {
    // Two line segments that cross at an angle. Both covariances have rank 1, C = v v^T, so tr((C1
    // C2)^(1/2)) = |v1 . v2|.
    const GaussianFit along{10, {0, 0}, {9, 0, 0, 0}}, across{10, {0, 0}, {0, 0, 0, 16}},
        diagonal{10, {0, 0}, {2, 2, 2, 2}}, point{10, {1, 1}, {0, 0, 0, 0}};
    CHECK(frechet_distance(along, across) == Approx(9 + 16));
    CHECK(frechet_distance(along, diagonal) == Approx(9 + 4 - 2 * 3 * std::sqrt(2.0)));
    CHECK(frechet_distance(along, point) == Approx(2 + 9));
    CHECK(frechet_distance(point, point) == Approx(0).margin(1e-12));
    CHECK(frechet_distance(diagonal, diagonal) == Approx(0).margin(1e-7));
}

SyntheticModes two_modes() { return {{{0, 0}, {10, 0}}, 1}; }

TEST_CASE("points are near a mode up to three sigma", "[metrics]") {
    const std::vector<float> points = {0, 0, 0, 3, 0, 3.01F, 10, -3, 5, 0, NAN, 0};
    const ModeCoverage coverage = mode_coverage(points, two_modes());
    CHECK(coverage.modes == 2);
    CHECK(coverage.samples_near == std::vector<int64_t>{2, 1});
    CHECK(coverage.share_within_3_sigma == Approx(3.0 / 6));
    CHECK(coverage.modes_covered == 2);
}

TEST_CASE("a mode is covered by a tenth of its fair share", "[metrics]") {
    // Two modes share 40 points, so each has a fair share of 20; a tenth of that is 2.
    const auto covered = [](int near_second) {
        std::vector<float> points;
        for (int i = 0; i < 40; ++i) {
            points.push_back(i < near_second ? 10.0F : 0.0F);
            points.push_back(0);
        }
        return mode_coverage(points, two_modes()).modes_covered;
    };
    CHECK(covered(0) == 1);
    CHECK(covered(1) == 1);
    CHECK(covered(2) == 2);
    CHECK(covered(40) == 1);
}

TEST_CASE("the data of ring and grid cover their own modes", "[metrics]") {
    for (const char* kind : {"ring", "grid"}) {
        INFO(kind);
        Diagnostics diagnostics;
        SyntheticOptions options;
        options.count = 10000;
        const auto fields = make_synthetic(kind, "p", options, diagnostics);
        REQUIRE(fields.ok());
        std::vector<float> points(20000);
        for (int64_t i = 0; i < 10000; ++i) fields->example->read(i, points.data() + 2 * i);
        const ModeCoverage coverage = mode_coverage(points, *synthetic_modes(kind));
        CHECK(coverage.modes_covered == coverage.modes);
        // Five standard deviations of a binomial distribution around 1 - exp(-9 / 2).
        CHECK(coverage.share_within_3_sigma ==
              Approx(1 - std::exp(-4.5)).margin(5 * std::sqrt(0.011 / 10000)));
    }
}

TEST_CASE("slerp keeps the length and divides the angle", "[metrics]") {
    const std::vector<float> a = {2, 0, 0}, b = {0, 2, 0};
    std::vector<float> out(3);
    slerp(a, b, 1.0 / 3, out);
    CHECK(out[0] == Approx(2 * std::cos(std::numbers::pi / 6)));
    CHECK(out[1] == Approx(2 * std::sin(std::numbers::pi / 6)));
    CHECK(out[2] == 0);
    slerp(a, b, 0, out);
    CHECK(out == a);
    slerp(a, b, 1, out);
    CHECK(out[1] == Approx(2));
    // Vectors of the same direction, or without one: the straight line.
    slerp(a, std::vector<float>{4, 0, 0}, 0.5, out);
    CHECK(out == std::vector<float>{3, 0, 0});
    slerp(a, std::vector<float>{0, 0, 0}, 0.5, out);
    CHECK(out == std::vector<float>{1, 0, 0});
}

Image plot(const std::vector<float>& data, const std::vector<float>& points) {
    Diagnostics diagnostics;
    const auto image = scatter_plot(data, points, {}, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(image.ok());
    return *image;
}

/// The average column and row of the pixels that are darker than any line or pale dot, and their
/// number.
struct Dark {
    double column = 0, row = 0;
    int64_t count = 0;
};
Dark dark_pixels(const Image& image) {
    Dark dark;
    // Inside the frame only, since labels and caption are dark too.
    for (int64_t y = 25; y < 24 + 640; ++y)
        for (int64_t x = 45; x < 44 + 640; ++x)
            if (image.at(y, x)[0] < 100) {
                ++dark.count;
                dark.column += static_cast<double>(x) + 0.5;
                dark.row += static_cast<double>(y) + 0.5;
            }
    dark.column /= static_cast<double>(dark.count);
    dark.row /= static_cast<double>(dark.count);
    return dark;
}

TEST_CASE("a scatter plot has equal axes around the data, y upwards", "[metrics]") {
    // The data extend over 4 by 1, so the square shows 4.64 around (2, 0.5).
    const std::vector<float> data = {0, 0, 4, 1};
    const Dark dark = dark_pixels(plot(data, {3, 0.25F}));
    CHECK(dark.count > 0);
    CHECK(dark.column == Approx(44 + 640 * (0.5 + 1 / 4.64)).margin(0.6));
    CHECK(dark.row == Approx(24 + 640 * (0.5 + 0.25 / 4.64)).margin(0.6));
    // A sample that is outside or not finite is not drawn, and does not change the view.
    CHECK(dark_pixels(plot(data, {100, 0})).count == 0);
    CHECK(dark_pixels(plot(data, {NAN, 0, 3, 0.25F})).column == Approx(dark.column));
    // Without data the samples decide what is shown.
    CHECK(dark_pixels(plot({}, {100, 0, 104, 0})).count > 0);
    CHECK(dark_pixels(plot({}, {5, 5})).count > 0);
    // Equal points, and points far away along one axis: still a picture, drawn without delay.
    CHECK(dark_pixels(plot({}, {0, 3e38F})).count > 0);
    CHECK(dark_pixels(plot({}, {1e-44F, 0, 0, 0})).count > 0);
}

TEST_CASE("a scatter plot of nothing is refused", "[metrics]") {
    Diagnostics diagnostics;
    CHECK_FALSE(scatter_plot({}, {}, {}, diagnostics).ok());
    const std::vector<float> nowhere = {NAN, NAN}, odd = {1, 2, 3}, fine = {1, 2};
    CHECK_FALSE(scatter_plot({}, nowhere, {}, diagnostics).ok());
    CHECK_FALSE(scatter_plot({}, odd, {}, diagnostics).ok());
    ScatterOptions tiny;
    tiny.side = 10;
    CHECK_FALSE(scatter_plot({}, fine, tiny, diagnostics).ok());
    CHECK(diagnostics.count() == 4);
}

}  // namespace
}  // namespace gmc::runtime
