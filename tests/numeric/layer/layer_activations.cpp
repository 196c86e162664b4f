// Activations as layers, as words and as functions, against their formulas.
#include <cmath>
#include <functional>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_model.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

void check_activation(const std::string& layer, const std::function<double(double)>& f) {
    INFO(layer);
    const LayerModel model("[4, 5]", {layer});
    std::vector<double> expected;
    for (double x : model.x()) expected.push_back(f(x));
    CHECK(difference("apply", model.run("apply"), expected, kRewrite) == "");
    CHECK(model.check_gradients() == "");
    CHECK(model.check_fast_path() == "");
}

double elu(double x) { return x > 0 ? x : std::expm1(x); }
double gelu(double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }

}  // namespace

TEST_CASE("layers: activations element by element") {
    check_activation("relu", [](double x) { return x > 0 ? x : 0; });
    check_activation("elu", elu);
    check_activation("elu: 0.5", [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); });
    check_activation("gelu", gelu);
    check_activation("silu", [](double x) { return x / (1 + std::exp(-x)); });
    check_activation("leaky_relu: 0.2", [](double x) { return x > 0 ? x : 0.2 * x; });
    check_activation("sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); });
    check_activation("tanh", [](double x) { return std::tanh(x); });
    check_activation("softplus", [](double x) { return std::log1p(std::exp(x)); });
}

TEST_CASE("layers: prelu has a slope per channel") {
    const LayerModel model("[4, 3]", {"prelu"});
    const std::vector<double>& slope = model.parameter("net.prelu.slope");
    REQUIRE(slope.size() == 3);
    std::vector<double> expected;
    for (size_t i = 0; i < model.x().size(); ++i)
        expected.push_back(model.x()[i] > 0 ? model.x()[i] : slope[i % 3] * model.x()[i]);
    CHECK(difference("apply", model.run("apply"), expected, kRewrite) == "");
    CHECK(model.check_gradients() == "");
    CHECK(model.check_fast_path() == "");
}

TEST_CASE("layers: softmax over the channels") {
    const LayerModel model("[3, 4]", {"softmax"});
    std::vector<double> expected;
    for (size_t row = 0; row < model.x().size(); row += 4) {
        double sum = 0;
        for (size_t k = 0; k < 4; ++k) sum += std::exp(model.x()[row + k]);
        for (size_t k = 0; k < 4; ++k) expected.push_back(std::exp(model.x()[row + k]) / sum);
    }
    CHECK(difference("apply", model.run("apply"), expected, kRewrite) == "");
    CHECK(model.check_gradients() == "");
    CHECK(model.check_fast_path() == "");
}

TEST_CASE("layers: words of `activation` are the layers of these names") {
    for (const char* word : {"elu", "gelu", "silu", "softmax", "prelu", "relu", "leaky_relu",
                             "sigmoid", "softplus", "tanh"}) {
        INFO(word);
        const std::string dense = "dense: {units: 3, name: d";
        const LayerModel one("[4]", {dense + ", activation: " + word + "}"});
        const LayerModel two("[4]", {dense + "}", word});
        // Slopes and weights get the same numbers in both, since states are numbered in the order
        // of declaration.
        CHECK(difference(word, one.run("apply"), two.run("apply"), kRewrite) == "");
        CHECK(one.check_gradients() == "");
    }
}
