// Normalisations against plain loops, and their gradients, to second order, against differences.
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_check.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// gamma (x - mean) / sqrt(variance + 1e-3) + beta, where elements with equal group(element) share
/// their moments.
template <typename Group>
Numbers normalised(const Numbers& x, size_t channels, const Numbers& gamma, const Numbers& beta,
                   Group&& group) {
    Numbers y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        double count = 0, sum = 0, square = 0;
        for (size_t j = 0; j < x.size(); ++j)
            if (group(j) == group(i)) count += 1, sum += x[j];
        for (size_t j = 0; j < x.size(); ++j)
            if (group(j) == group(i)) square += (x[j] - sum / count) * (x[j] - sum / count);
        y[i] = gamma[i % channels] * (x[i] - sum / count) / std::sqrt(square / count + 1e-3) +
               beta[i % channels];
    }
    return y;
}

double length(const Numbers& x) {
    double square = 0;
    for (const double element : x) square += element * element;
    return std::sqrt(square);
}

/// y = W x, or W^T x, for W [rows, columns].
Numbers product(const Numbers& w, size_t rows, size_t columns, const Numbers& x, bool transposed) {
    Numbers y(transposed ? columns : rows, 0);
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < columns; ++c)
            y[transposed ? c : r] += w[r * columns + c] * x[transposed ? r : c];
    return y;
}

Numbers unit(Numbers x) {
    const double by = length(x);
    for (double& element : x) element /= by;
    return x;
}

/// The layer's result has to be its input, normalised in the groups that group_of(index) gives.
template <typename GroupOf>
void check_normalises(const std::string& input, const std::string& text, size_t channels,
                      const GroupOf& group_of) {
    LayerCheck layer("x: " + input, text);
    const std::string name = text.substr(0, text.find(':'));
    const Numbers expected = normalised(layer.input("x"), channels, layer.state(name + ".gamma"),
                                        layer.state(name + ".beta"), group_of);
    CHECK(difference("y", layer.run().at(""), expected, kRewrite) == "");
}

}  // namespace

TEST_CASE("layer_norm normalises each vector along the last axis") {
    check_normalises("[2, 4]", "layer_norm", 4, [](size_t i) { return i / 4; });
}

TEST_CASE("group_norm normalises the channels of a group over all positions of an example") {
    check_normalises("[2, 3, 6]", "group_norm: 3", 6,
                     [](size_t i) { return i / 36 * 3 + i % 6 / 2; });
}

TEST_CASE("group_norm of a vector normalises its groups") {
    check_normalises("[6]", "group_norm: 2", 6, [](size_t i) { return i / 3; });
}

TEST_CASE("instance_norm normalises each channel over the positions of an example") {
    check_normalises("[2, 3, 2]", "instance_norm", 2, [](size_t i) { return i / 12 * 2 + i % 2; });
}

TEST_CASE("a normalisation of equal numbers is its offset, with a finite gradient") {
    for (const char* kind : {"layer_norm", "group_norm: 1", "instance_norm"}) {
        LayerCheck layer("x: [2, 2]", kind);
        for (double& x : layer.input("x")) x = 0.75;
        const std::string name = std::string(kind).substr(0, std::string(kind).find(':'));
        const Numbers beta = layer.state(name + ".beta"), y = layer.run().at("");
        for (size_t i = 0; i < y.size(); ++i) CHECK(y[i] == beta[i % 2]);
        CHECK(layer.gradients(1).find("nan") == std::string::npos);
    }
}

TEST_CASE("gradients of normalisations, first and second order") {
    for (const char* layers :
         {"layer_norm, tanh", "group_norm: 2, tanh", "instance_norm, tanh", "batch_norm, tanh"}) {
        INFO(layers);
        LayerCheck layer("x: [2, 4]", layers);
        CHECK(layer.gradients(1) == "");
        CHECK(layer.gradients(2) == "");
    }
}

TEST_CASE("gradients of batch_norm outside of training") {
    LayerCheck layer("x: [2, 2]", "batch_norm, tanh", false);
    layer.state("batch_norm.moving_variance") = {0.5, 2};
    CHECK(layer.gradients(1) == "");
    CHECK(layer.gradients(2) == "");
}

// As in torch.nn.utils.parametrizations.spectral_norm: u = W v, v = W^T u, sigma = u W v; W [out,
// rest].
TEST_CASE("spectral_norm of dense moves u and v by one power iteration and divides by sigma") {
    LayerCheck layer("x: [4]", "dense: {units: 3, spectral_norm: true, bias: false}");
    const Numbers w = layer.state("dense.weight");  // [4, 3], W transposed
    const Numbers u = unit(product(w, 4, 3, layer.state("dense.v"), true));
    const Numbers wu = product(w, 4, 3, u, false), v = unit(wu);
    double sigma = 0;
    for (size_t i = 0; i < 4; ++i) sigma += v[i] * wu[i];
    Numbers expected;
    for (size_t n = 0; n < 3; ++n) {
        const Numbers x(layer.input("x").begin() + n * 4, layer.input("x").begin() + n * 4 + 4);
        for (const double y : product(w, 4, 3, x, true)) expected.push_back(y / sigma);
    }
    const auto found = layer.run();
    CHECK(difference("y", found.at(""), expected, kRewrite) == "");
    CHECK(difference("u", found.at("@dense.u"), u, kRewrite) == "");
    CHECK(difference("v", found.at("@dense.v"), v, kRewrite) == "");
}

TEST_CASE("u and v of spectral_norm start as unequal numbers of length 1") {
    LayerCheck layer("x: [40]", "dense: {units: 30, spectral_norm: true}");
    for (const char* name : {"dense.u", "dense.v"}) {
        const Numbers start = layer.initial(name);
        CHECK(difference(name, {length(start)}, {1}, kFastOp) == "");
        CHECK(start[0] != start[1]);
    }
}

TEST_CASE("spectral_norm outside of training uses u and v as they are") {
    LayerCheck layer("x: [4]", "dense: {units: 3, spectral_norm: true, bias: false}", false);
    const Numbers w = layer.state("dense.weight"), u = layer.state("dense.u"),
                  v = layer.state("dense.v");
    double sigma = 0;
    for (size_t i = 0; i < 4; ++i)
        for (size_t o = 0; o < 3; ++o) sigma += v[i] * w[i * 3 + o] * u[o];
    Numbers expected;
    for (size_t n = 0; n < 3; ++n) {
        const Numbers x(layer.input("x").begin() + n * 4, layer.input("x").begin() + n * 4 + 4);
        for (const double y : product(w, 4, 3, x, true)) expected.push_back(y / sigma);
    }
    const auto found = layer.run();
    CHECK(difference("y", found.at(""), expected, kRewrite) == "");
    CHECK(found.count("@dense.u") == 0);
}

TEST_CASE("spectral_norm takes the output channels of a transposed convolution for u") {
    // With a window of 1 it is a matrix product at each position; the weights are [1, 1, filters,
    // inputs].
    LayerCheck layer("x: [1, 1, 2]",
                     "conv2d_transpose: {filters: 3, kernel: 1, spectral_norm: true, bias: false}");
    const Numbers w = layer.state("conv2d_transpose.weight");  // [3, 2]
    REQUIRE(layer.state("conv2d_transpose.u").size() == 3);
    REQUIRE(layer.state("conv2d_transpose.v").size() == 2);
    const Numbers u = unit(product(w, 3, 2, layer.state("conv2d_transpose.v"), false));
    const Numbers wu = product(w, 3, 2, u, true);
    Numbers expected;
    for (size_t n = 0; n < 3; ++n) {
        const Numbers x(layer.input("x").begin() + n * 2, layer.input("x").begin() + n * 2 + 2);
        for (const double y : product(w, 3, 2, x, false)) expected.push_back(y / length(wu));
    }
    const auto found = layer.run();
    CHECK(difference("y", found.at(""), expected, kRewrite) == "");
    CHECK(difference("u", found.at("@conv2d_transpose.u"), u, kRewrite) == "");
}

TEST_CASE("power iterations of spectral_norm find the largest singular value of a convolution") {
    LayerCheck layer("x: [4, 4, 2]",
                     "conv2d: {filters: 3, kernel: 2, spectral_norm: true, bias: false}");
    for (int step = 0; step < 300; ++step) {
        const auto moved = layer.run();
        layer.state("conv2d.u") = moved.at("@conv2d.u");
        layer.state("conv2d.v") = moved.at("@conv2d.v");
    }
    // The largest eigenvalue of W^T W [3, 3], by the trace of a high power: (trace (W^T
    // W)^k)^(1/k).
    const Numbers w = layer.state("conv2d.weight");  // [8, 3]
    Numbers square(9, 0), power;
    for (size_t r = 0; r < 8; ++r)
        for (size_t i = 0; i < 9; ++i) square[i] += w[r * 3 + i / 3] * w[r * 3 + i % 3];
    power = square;
    double scale = 0;  // logarithm of the factor that was divided out
    const int doublings = 40;
    for (int k = 0; k < doublings; ++k) {
        Numbers next(9, 0);
        for (size_t i = 0; i < 9; ++i)
            for (size_t j = 0; j < 3; ++j) next[i] += power[i / 3 * 3 + j] * power[j * 3 + i % 3];
        const double trace = next[0] + next[4] + next[8];
        scale = 2 * scale + std::log(trace);
        for (double& element : next) element /= trace;
        power = next;
    }
    const double largest = std::exp(0.5 * scale / std::pow(2.0, doublings));
    const Numbers u = layer.state("conv2d.u");
    CHECK(difference("sigma", {length(product(w, 8, 3, u, false))}, {largest}, kRewrite) == "");
}

TEST_CASE("no gradient flows through the power iteration of spectral_norm") {
    // With the u and v of a training step, the gradient outside of training is the same.
    const std::string layers = "dense: {units: 3, spectral_norm: true}, tanh";
    LayerCheck training("x: [4]", layers), still("x: [4]", layers, false);
    const auto moved = training.run();
    REQUIRE(still.state("dense.weight") == training.state("dense.weight"));
    still.state("dense.u") = moved.at("@dense.u");
    still.state("dense.v") = moved.at("@dense.v");
    const auto slopes = training.slopes(), expected = still.slopes();
    CHECK(difference(slopes, expected, kRewrite) == "");
}

TEST_CASE("normalisations through all passes and fast kernels") {
    for (const char* layers :
         {"layer_norm, tanh", "group_norm: 4, tanh", "instance_norm, tanh",
          "conv2d: {filters: 24, kernel: 3, spectral_norm: true}, group_norm: 8, relu",
          "conv2d_transpose: {filters: 24, kernel: 3, stride: 2, spectral_norm: true}, layer_norm",
          "flatten, dense: {units: 40, spectral_norm: true}, group_norm: 5"}) {
        INFO(layers);
        CHECK(LayerCheck("x: [9, 7, 16]", layers).fast_path() == "");
    }
}

TEST_CASE("gradients through spectral_norm with u and v as constants") {
    // Outside of training nothing moves, so gradients and differences are of the same function.
    for (const char* layers :
         {"dense: {units: 3, spectral_norm: true}, tanh",
          "reshape: [2, 2, 1], conv2d: {filters: 2, kernel: 2, spectral_norm: true}, tanh",
          "reshape: [2, 1, 2], conv2d_transpose: {filters: 2, kernel: 2, spectral_norm: true}"}) {
        INFO(layers);
        LayerCheck layer("x: [4]", layers, false);
        CHECK(layer.gradients(1) == "");
        CHECK(layer.gradients(2) == "");
    }
}
