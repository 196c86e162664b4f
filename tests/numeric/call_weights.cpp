// The weights of a network as a value, and networks applied with other weights, against plain
// loops. In these models every weight is 0.5; `net` has 16 x 2 of them, and 2 biases.
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/language_model.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("arithmetic and reductions of all weights of a network", "[language]") {
    const Numbers image = random_numbers(32);
    const auto number = [&](const std::string& body) {
        return call("sum(image) * 0 + " + body, image)[0];
    };
    CHECK(number("sum(net.weights)") == Approx(34 * 0.5));
    CHECK(number("mean(2 * net.weights)") == Approx(1));
    CHECK(number("norm(net.weights)") == Approx(std::sqrt(34 * 0.25)));
    CHECK(number("sum((net.weights - 3 / net.weights)^2)") == Approx(34 * 5.5 * 5.5));
    CHECK(number("sum(square(-net.dense.weights))") == Approx(34 * 0.25));
}

TEST_CASE("a step of gradient descent is an expression, also in a definition", "[language]") {
    const Numbers image = random_numbers(32);
    const std::string define =
        "define: {moved(w, x): w - 0.1 * grad(sum(examples(sum(net(x, weights=w)))), w)}\n";
    const Numbers ahead = call("net(image, weights=moved(net.weights, image))", image, define);
    REQUIRE(ahead.size() == 4);
    for (size_t n = 0; n < 2; ++n) {
        double expected = 0.5 - 0.1 * 2;
        for (size_t i = 0; i < 16; ++i)
            expected += image[16 * n + i] * (0.5 - 0.1 * (image[i] + image[16 + i]));
        for (size_t unit = 0; unit < 2; ++unit)
            CHECK(ahead[2 * n + unit] == Approx(expected).epsilon(1e-6));
    }
    // Gradients flow through the step: of w - 0.1 k, with k free of w, by w.
    const Numbers slope = call(
        "image * 0 + mean(grad(sum(examples(sum(net(image, weights=moved(net.weights, "
        "image))))), net.weights))",
        image, define);
    double sum = 2 * 2;
    for (const double x : image) sum += 2 * x;
    CHECK(slope[0] == Approx(sum / 34).epsilon(1e-6));
}

TEST_CASE("a parameter is a tensor in every expression and layer", "[language]") {
    const Numbers image = random_numbers(32);
    const std::string more = "parameters: {scale: {shape: [4, 1, 1]}}\n";
    const Numbers scaled = call("image * scale", image, more);
    for (size_t i = 0; i < 32; ++i) CHECK(scaled[i] == Approx(0.5 * image[i]));
    CHECK(call("sum(image) * 0 + sum(scale.weights)", image, more)[0] == Approx(2));
}
