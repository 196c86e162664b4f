// How shapes meet in expressions, what reductions run over, and choices between numbers, against
// plain loops.
#include <algorithm>
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/language_model.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("what has no batch goes with every example", "[language]") {
    const Numbers image = random_numbers(32);
    const Numbers found = call("image - batch_mean(image)", image);
    Numbers expected(32);
    for (size_t i = 0; i < 32; ++i)
        expected[i] = image[i] - (image[i % 16] + image[i % 16 + 16]) / 2;
    CHECK(difference("centred", found, expected, kRewrite) == "");
    // [4, 4, 1] per example with a plain [4]: NumPy's [4, 4, 4].
    const Numbers outer = call("image * index(4)", image);
    REQUIRE(outer.size() == 128);
    for (size_t i = 0; i < 128; ++i) CHECK(outer[i] == Approx(image[i / 4] * double(i % 4)));
}

TEST_CASE("reductions name axes, several of them, and keep them", "[language]") {
    const Numbers image = random_numbers(32);
    Numbers rows(8, 0), columns(8, 0), examples(2, 0), batch(16, 0);
    for (size_t i = 0; i < 32; ++i) {
        rows[i / 4] += image[i] / 4;
        columns[i / 16 * 4 + i % 4] += image[i];
        examples[i / 16] += image[i];
        batch[i % 16] += image[i];
    }
    CHECK(difference("rows", call("mean(image, axis=1)", image), rows, kRewrite) == "");
    CHECK(difference("columns", call("sum(image, axis=[0, -1])", image), columns, kRewrite) == "");
    CHECK(difference("examples", call("sum(image, axis=example)", image), examples, kRewrite) ==
          "");
    CHECK(difference("batch", call("sum(image, axis=batch)", image), batch, kRewrite) == "");
    const Numbers centred = call("image - mean(image, axis=1, keep=true)", image);
    for (size_t i = 0; i < 32; ++i) CHECK(centred[i] == Approx(image[i] - rows[i / 4]));
    const Numbers largest = call("max(image, axis=[0, 1, 2], keep=true) - image", image);
    CHECK(*std::min_element(largest.begin(), largest.end()) == 0);
}

TEST_CASE("logsumexp does not overflow, and its slope is the softmax", "[language]") {
    Numbers image = random_numbers(32);
    for (double& number : image) number *= 300;
    Numbers expected(2, 0);
    for (size_t n = 0; n < 2; ++n) {
        double largest = -1e9, total = 0;
        for (size_t i = 0; i < 16; ++i) largest = std::max(largest, image[16 * n + i]);
        for (size_t i = 0; i < 16; ++i) total += std::exp(image[16 * n + i] - largest);
        expected[n] = largest + std::log(total);
    }
    CHECK(difference("lse", call("logsumexp(image)", image), expected, kRewrite) == "");
    CHECK(difference("kept", call("logsumexp(image, axis=[0, 1, 2], keep=true)", image), expected,
                     kRewrite) == "");
    const Numbers small = random_numbers(32);
    const Numbers slope = call("grad(logsumexp(flat(image)), image)", small);
    const Numbers softmax = call("softmax(flat(image))", small);
    CHECK(difference("slope", slope, softmax, kGradient) == "");
}

TEST_CASE("where, and, or, not and % choose and count", "[language]") {
    const Numbers image = random_numbers(16);
    const Numbers chosen = call("where(image > 0 and not image > 0.5, 1, -image)", image);
    const Numbers either = call("image > 0.5 or image < -0.5 or 0", image);
    const Numbers rest = call("image % 0.25", image);
    const Numbers truth = call("image and 3", image);
    for (size_t i = 0; i < 16; ++i) {
        const double x = image[i];
        CHECK(chosen[i] == Approx(x > 0 && x <= 0.5 ? 1 : -x));
        CHECK(either[i] == (std::abs(x) > 0.5 ? 1 : 0));
        CHECK(rest[i] == Approx(x - 0.25 * std::floor(x / 0.25)).margin(1e-7));
        CHECK(truth[i] == 1);
    }
    // The gradient flows through the side that was chosen.
    const Numbers slope = call("grad(sum(where(image > 0, image^3, 2 * image)), image)", image);
    for (size_t i = 0; i < 16; ++i)
        CHECK(slope[i] == Approx(image[i] > 0 ? 3 * image[i] * image[i] : 2).epsilon(1e-5));
    // A causal mask.
    const Numbers mask = call("image * 0 + where(index(4) > 1, index(4), 0)", image);
    for (size_t i = 0; i < mask.size(); ++i) CHECK(mask[i] == (i % 4 > 1 ? i % 4 : 0));
}
