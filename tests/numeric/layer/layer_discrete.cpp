// Labels, codebooks and merges of inputs against plain loops, and their gradients against
// differences.
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_check.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("one_hot has its 1 at the label") {
    LayerCheck layer("label: data.label", "one_hot: 8");
    layer.input("label") = {2, 0, 7};
    const Numbers y = layer.run().at("");
    REQUIRE(y.size() == 24);
    for (size_t i = 0; i < 24; ++i) CHECK(y[i] == (i == 2 || i == 8 || i == 23 ? 1 : 0));
}

TEST_CASE("embedding takes rows of its weights, of labels and of images of indices") {
    LayerCheck labels("label: data.label", "embedding: {classes: 8, units: 3}");
    labels.input("label") = {5, 0, 5};
    const Numbers w = labels.state("embedding.weight");
    Numbers expected;
    for (const size_t row : {5, 0, 5})
        for (size_t i = 0; i < 3; ++i) expected.push_back(w[row * 3 + i]);
    CHECK(difference("y", labels.run().at(""), expected, kExact) == "");
    CHECK(labels.gradients(1) == "");

    LayerCheck images("x: [2, 1]", "embedding: {classes: 3, units: 2}");
    images.input("x") = {2, 1, 0, 0, 1, 2};
    const Numbers table = images.state("embedding.weight");
    expected.clear();
    for (const size_t row : {2, 1, 0, 0, 1, 2})
        for (size_t i = 0; i < 2; ++i) expected.push_back(table[row * 2 + i]);
    CHECK(difference("y", images.run().at(""), expected, kExact) == "");
}

namespace {

const char* const kQuantizer = "vector_quantize: {codes: 5, name: q}";
const char* const kParts =
    "code: identity, nearest: {identity: {from: q.nearest}}, index: {identity: {from: q.index}}";

}  // namespace

TEST_CASE("vector_quantize gives the nearest code, the lowest at ties") {
    LayerCheck layer("x: [2, 3]", kQuantizer, true, kParts);
    Numbers& codebook = layer.state("q.codebook");
    // Of two equal codes the first one counts.
    for (size_t d = 0; d < 3; ++d) codebook[4 * 3 + d] = codebook[1 * 3 + d];
    for (size_t d = 0; d < 3; ++d) layer.input("x")[d] = codebook[1 * 3 + d] + 0.01;
    Numbers index, nearest;
    for (size_t n = 0; n < 6; ++n) {
        size_t best = 0;
        double least = INFINITY;
        for (size_t k = 0; k < 5; ++k) {
            double distance = 0;
            for (size_t d = 0; d < 3; ++d)
                distance += std::pow(layer.input("x")[n * 3 + d] - codebook[k * 3 + d], 2);
            if (distance < least) least = distance, best = k;
        }
        index.push_back(static_cast<double>(best));
        for (size_t d = 0; d < 3; ++d) nearest.push_back(codebook[best * 3 + d]);
    }
    REQUIRE(index[0] == 1);
    const auto found = layer.run();
    CHECK(difference("index", found.at("index"), index, kExact) == "");
    CHECK(difference("nearest", found.at("nearest"), nearest, kExact) == "");
    CHECK(difference("code", found.at("code"), nearest, kExact) == "");
}

TEST_CASE("a codebook starts within 1 / codes, an embedding within 0.05") {
    const auto check = [](const Numbers& start, double limit) {
        double largest = 0;
        for (const double element : start) largest = std::fmax(largest, std::fabs(element));
        CHECK(largest <= limit);
        CHECK(largest > 0.95 * limit);
    };
    check(LayerCheck("x: [16]", "vector_quantize: {codes: 20, name: q}").initial("q.codebook"),
          1.0 / 20);
    check(LayerCheck("y: data.label", "embedding: {classes: 8, units: 32}")
              .initial("embedding.weight"),
          0.05);
}

TEST_CASE("vector_quantize passes gradients straight through, `nearest` to the codebook") {
    // The nearest code is piecewise constant in x, so differences see no gradient through it.
    LayerCheck nearest("x: [2]", kQuantizer, true, "nearest: {identity: {from: q.nearest}}");
    CHECK(nearest.gradients(1) == "");
    // The gradient passes the code like an identity, so sum(w code) has the derivative w by x.
    LayerCheck code("x: [2]", kQuantizer);
    const auto slopes = code.slopes();
    CHECK(difference("d x", slopes.at("x"), code.input("w_"), kExact) == "");
    for (const double slope : slopes.at("@net.q.codebook")) CHECK(slope == 0);
}

TEST_CASE("merges of inputs, with sizes that repeat") {
    LayerCheck sum("a: [2, 3], b: [3], c: [2, 1]", "add: [a, b, c]");
    Numbers expected;
    for (size_t n = 0; n < 3; ++n)
        for (size_t i = 0; i < 6; ++i)
            expected.push_back(sum.input("a")[n * 6 + i] + sum.input("b")[n * 3 + i % 3] +
                               sum.input("c")[n * 2 + i / 3]);
    CHECK(difference("y", sum.run().at(""), expected, kExact) == "");
    CHECK(sum.gradients(1) == "");

    LayerCheck product("b: [1, 3], a: [2, 2, 3]", "multiply: [b, a]");
    expected.clear();
    for (size_t n = 0; n < 3; ++n)
        for (size_t i = 0; i < 12; ++i)
            expected.push_back(product.input("a")[n * 12 + i] * product.input("b")[n * 3 + i % 3]);
    CHECK(difference("y", product.run().at(""), expected, kExact) == "");
    CHECK(product.gradients(1) == "");
    CHECK(product.gradients(2) == "");

    LayerCheck minus("a: [2], label: data.label", "subtract: [a, label]");
    expected.clear();
    for (size_t i = 0; i < 6; ++i)
        expected.push_back(minus.input("a")[i] - minus.input("label")[i / 2]);
    CHECK(difference("y", minus.run().at(""), expected, kExact) == "");
}

TEST_CASE("concat, permute and slice move elements") {
    LayerCheck joined("a: [2, 1], b: [2, 2]", "concat: [a, b]");
    Numbers expected;
    for (size_t i = 0; i < 6; ++i) {
        expected.push_back(joined.input("a")[i]);
        expected.push_back(joined.input("b")[i * 2]);
        expected.push_back(joined.input("b")[i * 2 + 1]);
    }
    CHECK(difference("y", joined.run().at(""), expected, kExact) == "");
    CHECK(joined.gradients(1) == "");

    LayerCheck stacked("a: [1, 2], b: [2, 2]", "concat: {from: [a, b], axis: 0}");
    expected.clear();
    for (size_t n = 0; n < 3; ++n) {
        for (size_t i = 0; i < 2; ++i) expected.push_back(stacked.input("a")[n * 2 + i]);
        for (size_t i = 0; i < 4; ++i) expected.push_back(stacked.input("b")[n * 4 + i]);
    }
    CHECK(difference("y", stacked.run().at(""), expected, kExact) == "");

    LayerCheck turned("x: [2, 3, 4]", "permute: [2, 0, 1]");
    expected.clear();
    for (size_t n = 0; n < 3; ++n)
        for (size_t c = 0; c < 4; ++c)
            for (size_t i = 0; i < 6; ++i)
                expected.push_back(turned.input("x")[n * 24 + i * 4 + c]);
    CHECK(difference("y", turned.run().at(""), expected, kExact) == "");

    LayerCheck cut("x: [5, 2]", "slice: {axis: 0, start: 1, stop: -1, step: 2}");
    expected.clear();
    for (size_t n = 0; n < 3; ++n)
        for (const size_t row : {1, 3})
            for (size_t i = 0; i < 2; ++i) expected.push_back(cut.input("x")[n * 10 + row * 2 + i]);
    CHECK(difference("y", cut.run().at(""), expected, kExact) == "");
    CHECK(cut.gradients(1) == "");
}

TEST_CASE("conditions and codebooks through all passes and fast kernels") {
    CHECK(LayerCheck("z: [10], label: data.label",
                     "embedding: {from: label, classes: 8, units: 6, name: e}, concat: [z, e], "
                     "dense: {units: 8, name: d}, one_hot: {from: label, classes: 8, name: o}, "
                     "multiply: [d, o], dense: 24, reshape: [2, 3, 4], permute: [2, 0, 1], "
                     "slice: {axis: 0, start: 1, step: 2, name: s}, "
                     "embedding: {from: label, classes: 8, units: 3, name: f}, add: [s, f]")
              .fast_path() == "");
    CHECK(LayerCheck("x: [7, 7, 8]", "vector_quantize: {codes: 40, name: q}, tanh", true,
                     "code: identity, nearest: {identity: {from: q.nearest}}, index: {identity: "
                     "{from: q.index}}")
              .fast_path() == "");
}

TEST_CASE("gaussian_noise adds noise of its deviation in training only") {
    LayerCheck still("x: [2000]", "gaussian_noise: 0.5", false);
    CHECK(still.run().at("") == still.input("x"));
    LayerCheck noisy("x: [2000]", "gaussian_noise: 0.5");
    const Numbers y = noisy.run().at("");
    double square = 0;
    for (size_t i = 0; i < y.size(); ++i) square += std::pow(y[i] - noisy.input("x")[i], 2);
    const double deviation = std::sqrt(square / static_cast<double>(y.size()));
    CHECK(deviation > 0.48);
    CHECK(deviation < 0.52);
}

TEST_CASE("noise and dropout follow their schedules") {
    LayerCheck noisy("x: [2000]",
                     "gaussian_noise: {stddev: {linear: {from: 1, to: 0, over: 10 steps}}}");
    LayerCheck dropping("x: [2000]", "dropout: {rate: 0.1 * step}");
    for (const double step : {0.0, 5.0}) {
        INFO(step);
        noisy.set_step(step);
        dropping.set_step(step);
        const Numbers y = noisy.run().at(""), z = dropping.run().at("");
        double square = 0, dropped = 0;
        for (size_t i = 0; i < y.size(); ++i) {
            square += std::pow(y[i] - noisy.input("x")[i], 2);
            const double x = dropping.input("x")[i];
            dropped += z[i] == 0 ? 1 : 0;
            CHECK((z[i] == 0 || std::fabs(z[i] - x / (1 - 0.1 * step)) < 1e-12));
        }
        const double count = static_cast<double>(y.size());
        CHECK(std::sqrt(square / count) == Approx(1 - 0.1 * step).epsilon(0.05));
        CHECK(dropped / count == Approx(0.1 * step).epsilon(0.1));
    }
    for (const char* layer : {"dropout: 0.5 + 0 * step", "gaussian_noise: 0.5 + step"})
        CHECK(LayerCheck("x: [20]", std::string("dense: 4, ") + layer).fast_path() == "");
}
