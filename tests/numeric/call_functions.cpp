// Functions of expressions about classes, over the batch and at zero, against plain loops. They are
// tested in modules that dsl/lower makes.
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/language_model.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("argmax is the first of the largest, one_hot and == tell classes apart") {
    const ir::Module module = language_model(
        3, "",
        "\"f(image, label)\": {place: argmax(flat(image)), code: \"one_hot(label, 8)\", "
        "same: label == argmax(flat(image)), other: label != 3}");
    Numbers image = random_numbers(48), label = {5, 3, 7};
    image[4] = image[9] = 2;         // a tie
    image[16 + 3] = 2;               // equal to the label
    image[32 + 15] = image[47] = 2;  // the last
    const auto found = run(module, "f", {{"image", image}, {"label", label}});
    CHECK(difference("place", found.at("place").data, {4, 3, 15}, kExact) == "");
    CHECK(difference("same", found.at("same").data, {0, 1, 0}, kExact) == "");
    CHECK(difference("other", found.at("other").data, {1, 0, 1}, kExact) == "");
    Numbers code(24, 0);
    code[5] = code[8 + 3] = code[16 + 7] = 1;
    CHECK(difference("code", found.at("code").data, code, kExact) == "");
}

TEST_CASE("batch_mean averages examples element by element, in evaluate those that count") {
    // A sum of squares of means, which differs from the mean of sums of squares.
    const ir::Module module = language_model(3, "m: sum(batch_mean(flat(image))^2)", "");
    const Numbers image = random_numbers(48);
    double all = 0, first_two = 0;
    for (size_t i = 0; i < 16; ++i) {
        all += std::pow((image[i] + image[16 + i] + image[32 + i]) / 3, 2);
        first_two += std::pow((image[i] + image[16 + i]) / 2, 2);
    }
    CHECK(difference("m", run(module, "step", {{"image", image}}).at("m").data, {all}, kRewrite) ==
          "");
    const auto evaluated = run(module, "evaluate", {{"image", image}, {"valid", {1, 1, 0}}});
    CHECK(difference("m", evaluated.at("m").data, {first_two}, kRewrite) == "");
}

TEST_CASE("categorical draws classes as often as the softmax says") {
    constexpr size_t kExamples = 4096, kClasses = 16;
    const ir::Module module = language_model(kExamples, "", "f(image): categorical(flat(image))");
    Numbers logits;
    for (size_t i = 0; i < kExamples * kClasses; ++i)
        logits.push_back(std::log(static_cast<double>(i % kClasses + 1)) + 5);
    Numbers count(kClasses, 0);
    const auto found = run(module, "f", {{"image", logits}});
    for (const double drawn : found.at("f").data) {
        REQUIRE(drawn == std::floor(drawn));
        REQUIRE((drawn >= 0 && drawn < kClasses));
        count[static_cast<size_t>(drawn)] += 1;
    }
    double chi_square = 0;
    for (size_t k = 0; k < kClasses; ++k) {
        const double expected = kExamples * static_cast<double>(k + 1) / 136;  // 1 + ... + 16
        chi_square += (count[k] - expected) * (count[k] - expected) / expected;
    }
    CHECK(chi_square < 44);  // 15 degrees of freedom: one seed in 10,000 exceeds it
    CHECK(chi_square > 2);   // ... and as few fall below this
}

TEST_CASE("roots and norms have finite slopes at zero, first and second") {
    const ir::Module module = language_model(
        2, "",
        "\"f(image)\": {root: \"grad(sum(sqrt(image)), image)\", "
        "power: \"grad(sum(image^0.5), image)\", norm: \"grad(norm(image), image)\", "
        "second: \"grad(sum(grad(norm(image), image)^2), image)\"}");
    Numbers image(32, 0.0);
    for (size_t i = 16; i < 32; ++i) image[i] = 0.25;
    const auto found = run(module, "f", {{"image", image}});
    Numbers root(32, 5e5), norm(32, 0.0);  // 1 / (2 sqrt(1e-12)), and x / norm(x)
    for (size_t i = 16; i < 32; ++i) root[i] = 1, norm[i] = 0.25;
    CHECK(difference("root", found.at("root").data, root, kGradient) == "");
    CHECK(difference("power", found.at("power").data, root, kGradient) == "");
    CHECK(difference("norm", found.at("norm").data, norm, kGradient) == "");
    for (const double slope : found.at("second").data) CHECK(std::isfinite(slope));
}
