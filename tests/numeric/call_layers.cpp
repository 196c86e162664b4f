// Layers as functions, functions and networks as layers, and definitions, against plain loops.
#include <algorithm>
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/language_model.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("layers without weights are functions", "[language]") {
    const Numbers image = random_numbers(32);
    CHECK(call("reshape(image, [2, 2 * 4])", image) == call("flatten(image)", image));
    const Numbers row = call("slice(image, axis=0, start=1, stop=2)", image);
    const Numbers turned = call("permute(image, [1, 0, 2])", image);
    const Numbers padded = call("pad(image, size=1)", image);
    const Numbers largest = call("max_pooling2d(image, 2)", image);
    const Numbers larger = call("up_sampling2d(image, [2, 1])", image);
    REQUIRE(row.size() == 8);
    REQUIRE(padded.size() == 2 * 36);
    REQUIRE(larger.size() == 64);
    for (size_t n = 0; n < 2; ++n)
        for (size_t i = 0; i < 4; ++i) {
            CHECK(row[4 * n + i] == Approx(image[16 * n + 4 + i]));
            for (size_t j = 0; j < 4; ++j) {
                const double x = image[16 * n + 4 * i + j];
                CHECK(turned[16 * n + 4 * j + i] == Approx(x));
                CHECK(padded[36 * n + 6 * (i + 1) + j + 1] == Approx(x));
                CHECK(larger[32 * n + 8 * i + 4 + j] == Approx(x));
                CHECK(largest[4 * n + 2 * (i / 2) + j / 2] >= Approx(x));
            }
        }
    // Of what has no batch too, and one where the data are needed for the shape only.
    const Numbers plain = call("image * 0 + reshape(reshape(index(4), [4, 1]), [4])", image);
    for (size_t i = 0; i < 128; ++i) CHECK(plain[i] == static_cast<double>(i % 4));
}

TEST_CASE("convolutions and sizes in expressions", "[language]") {
    const Numbers image = random_numbers(32);
    CHECK(call("reshape(image, [size_of(image, 0) * size_of(image, -2), -1])", image) == image);
    CHECK(call("0 * image + size_of(reshape(index(6), [3, 2]), 0)", image) == Numbers(32, 3));
    const Numbers made =
        call("convolve(image, reshape([1, 2, 3, -1], [2, 2, 1, 1]), padding=valid)", image);
    REQUIRE(made.size() == 18);
    for (size_t n = 0; n < 2; ++n)
        for (size_t i = 0; i < 3; ++i)
            for (size_t j = 0; j < 3; ++j) {
                const auto x = [&](size_t y, size_t z) { return image[16 * n + 4 * y + z]; };
                CHECK(made[9 * n + 3 * i + j] ==
                      Approx(x(i, j) + 2 * x(i, j + 1) + 3 * x(i + 1, j) - x(i + 1, j + 1)));
            }
    // Of what has no batch, too.
    const Numbers plain = call(
        "image * 0 + reshape(convolve(reshape(index(4), [4, 1]), reshape([10], [1, 1, 1])), [4])",
        image);
    for (size_t i = 0; i < 128; ++i) CHECK(plain[i] == static_cast<double>(10 * (i % 4)));
}

TEST_CASE("masks and blurs of models/layers", "[language]") {
    const Numbers image = random_numbers(32);
    const std::string import = "import: " GMC_SOURCE_DIR "/models/layers/convolution.yaml\n";
    const Numbers first = {1, 1, 1, 1, 0, 0, 0, 0, 0}, with_own = {1, 1, 1, 1, 1, 0, 0, 0, 0};
    const Numbers a = call("0 * sum(image) + reshape(before(3, 0), [9])", image, import);
    const Numbers b = call("0 * sum(image) + reshape(before(3, 1), [9])", image, import);
    REQUIRE(a.size() == 18);
    for (size_t i = 0; i < 18; ++i) CHECK((a[i] == first[i % 9] && b[i] == with_own[i % 9]));
    const Numbers smooth = call("blur(image, [1, 2, 1])", image, import);
    const auto x = [&](size_t y, size_t z) { return image[4 * y + z]; };
    CHECK(smooth[5] == Approx((x(0, 0) + 2 * x(0, 1) + x(0, 2) + 2 * x(1, 0) + 4 * x(1, 1) +
                               2 * x(1, 2) + x(2, 0) + 2 * x(2, 1) + x(2, 2)) /
                              16));
}

TEST_CASE("patches, codes, noise levels and divergences of models/layers", "[language]") {
    const Numbers image = random_numbers(32);
    const auto with = [](const std::string& file) {
        return "import: " GMC_SOURCE_DIR "/models/layers/" + file + ".yaml\n";
    };
    const Numbers patches = call("patches(image, 2)", image, with("embeddings"));
    REQUIRE(patches.size() == 32);
    for (size_t n = 0; n < 2; ++n)
        for (size_t patch = 0; patch < 4; ++patch)
            for (size_t i = 0; i < 4; ++i) {
                const size_t y = 2 * (patch / 2) + i / 2, x = 2 * (patch % 2) + i % 2;
                CHECK(patches[16 * n + 4 * patch + i] == image[16 * n + 4 * y + x]);
            }
    CHECK(call("unpatched(patches(image, 2), 4, 4, 2)", image, with("embeddings")) == image);

    const Numbers nearest = call("nearest(reshape(image, [8, 2]), reshape([0, 0, 1, -1], [2, 2]))",
                                 image, with("codes"));
    REQUIRE(nearest.size() == 16);
    for (size_t i = 0; i < 16; ++i) {
        const double x = image[2 * i], y = image[2 * i + 1];
        const bool second = (x - 1) * (x - 1) + (y + 1) * (y + 1) < x * x + y * y;
        CHECK(nearest[i] == static_cast<double>(second));
    }

    double left = 1;  // of the variance after 500 steps
    for (int t = 0; t < 500; ++t) left *= 1 - (1e-4 + t * (0.02 - 1e-4) / 999);
    const Numbers kept = call("0 * sum(image) + kept([499, -1])", image, with("diffusion"));
    CHECK(kept[0] == Approx(left));
    CHECK(kept[1] == 1);
    const Numbers back = call("clean(noised(image, 1, 499), 1, 499)", image, with("diffusion"));
    for (size_t i = 0; i < 32; ++i) CHECK(back[i] == Approx(image[i]).margin(1e-4));

    // Of two examples each finds itself among two, and both have the length 1.
    const Numbers missed =
        call("contrastive(unit(flat(image)), unit(flat(image)), 0.5)", image, with("losses"));
    double dot = 0, norms[2] = {0, 0};
    for (size_t i = 0; i < 16; ++i) {
        dot += image[i] * image[16 + i];
        for (size_t n = 0; n < 2; ++n) norms[n] += image[16 * n + i] * image[16 * n + i];
    }
    const double other = dot / std::sqrt(norms[0] * norms[1]) / 0.5;
    for (const double x : missed)
        CHECK(x == Approx(std::log(std::exp(2.0) + 2 * std::exp(other)) - 2));
}

TEST_CASE("definitions take their arguments by value", "[language]") {
    const Numbers image = random_numbers(32);
    const std::string define =
        "define:\n"
        "  twice(f, x): f(f2(x))\n"
        "  f2(x): 2 * x\n"
        "  same(x): x - x\n"
        "  centre(x): x - mean(x, axis=example, keep=true)\n"
        "  slope(g, x): grad(sum(g(x)^2), x)\n";
    // Drawn once, although the body has it twice.
    for (const double zero : call("same(normal(image))", image, define)) CHECK(zero == 0);
    const Numbers flat = call("twice(flat, image)", image, define);
    for (size_t i = 0; i < 32; ++i) CHECK(flat[i] == Approx(2 * image[i]));
    const Numbers slope = call("slope(flat, image)", image, define);
    for (size_t i = 0; i < 32; ++i) CHECK(slope[i] == Approx(2 * image[i]));
    const Numbers centred = call("centre(image)", image, define);
    CHECK(std::abs(centred[0] + centred[1] + centred[2] + centred[3] + centred[4] + centred[5] +
                   centred[6] + centred[7] + centred[8] + centred[9] + centred[10] + centred[11] +
                   centred[12] + centred[13] + centred[14] + centred[15]) < 1e-6);
}

TEST_CASE("lists are tensors, and sizes of noise; concat joins tensors without a batch",
          "[language]") {
    const Numbers image = random_numbers(32);
    const Numbers sums = call("sum(image) * [1, 2 * 3]", image);
    REQUIRE(sums.size() == 4);
    for (size_t n = 0; n < 2; ++n) CHECK(sums[2 * n + 1] == Approx(6 * sums[2 * n]));
    CHECK(call("uniform([3, 2]) + 0 * sum(image)", image).size() == 12);
    const Numbers joined = call("0 * sum(image) + concat([1, 2], index(3))", image);
    CHECK(joined == Numbers{1, 2, 0, 1, 2, 1, 2, 0, 1, 2});
    const Numbers mixed = call("concat(flat(image), [7])", image);
    REQUIRE(mixed.size() == 34);
    CHECK(mixed[16] == Approx(7));
    CHECK(mixed[17] == Approx(image[16]));
}

TEST_CASE("a parameter or state of one number has the shape [], written or left out",
          "[language]") {
    const Numbers image = random_numbers(32);
    const std::string more = "parameters: {a: {shape: []}, b: {}}\n";
    CHECK(call("sum(image) * 0 + a + 2 * b", image, more) == Numbers{1.5, 1.5});
}
