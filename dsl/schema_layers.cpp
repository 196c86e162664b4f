// The rows of the layers. To add a layer: a row here, a builder in compiler/build, a file test.
#include <limits>

#include "dsl/schema_rows.h"

namespace gmc::dsl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Range kSizes{1, 1e6};
constexpr Range kWindow{1, 1000};
constexpr Range kPositive{0, kInfinity, true, true};
constexpr Range kNotNegative{0, kInfinity, false, true};
constexpr Range kFraction{0, 1, false, true};

constexpr const char* kActivations = "none|relu|leaky_relu|sigmoid|tanh|softplus";
constexpr const char* kInitializers =
    "glorot_uniform|glorot_normal|he_uniform|he_normal|normal|orthogonal|zeros|ones";

/// What all layers have.
std::vector<KeyRow> plain(std::vector<KeyRow> own) {
    own.push_back(name("name", kOptional, "a name that `from` can refer to"));
    own.push_back(
        names("from", kOptional, "the layer or input to take instead of the layer before"));
    return own;
}

/// What all layers with weights have.
std::vector<KeyRow> weighted(std::vector<KeyRow> own) {
    own.push_back(flag("bias", "true", "adds a trained number to each channel"));
    own.push_back(word("activation", "none", kActivations,
                       "applied to the result; `leaky_relu` has the slope 0.3"));
    own.push_back(initializer("initializer", "glorot_uniform", kInitializers,
                              "first values of the weights; also `normal: {stddev: 0.02}`"));
    own.push_back(number("initializer_stddev", "0.05", kPositive,
                         "standard deviation of the initializer `normal`"));
    own.push_back(
        initializer("bias_initializer", "zeros", kInitializers, "first values of the bias"));
    return plain(std::move(own));
}

std::vector<LayerRow> contractions() {
    return {
        {"dense", "units", weighted({integer("units", kRequired, kSizes, "number of outputs")}),
         "y = x W + b over the last dimension"},
        {"conv2d", "",
         weighted({
             integer("filters", kRequired, kSizes, "output channels"),
             pair("kernel", kRequired, kWindow, "height and width of the window"),
             pair("stride", "1", kWindow, "step of the window"),
             word("padding", "same", "same|valid",
                  "`same`: output = ceil(input / stride), the odd pixel goes last; `valid`: none"),
             pair("dilation", "1", kWindow, "distance between the window's elements"),
         }),
         "two-dimensional convolution of [height, width, channels]"},
        {"conv2d_transpose", "",
         weighted({
             integer("filters", kRequired, kSizes, "output channels"),
             pair("kernel", kRequired, kWindow, "height and width of the window"),
             pair("stride", "1", kWindow, "factor by which height and width grow"),
             word("padding", "same", "same", "`same`: output = input * stride"),
         }),
         "transposed convolution: the gradient of `conv2d` with respect to its input"},
    };
}

std::vector<LayerRow> others() {
    return {
        {"flatten", "", plain({}), "all of an example in one dimension"},
        {"reshape", "shape",
         plain({shape("shape", kRequired, "the new shape, with as many elements as before")}),
         "the same elements in the same order, in another shape"},
        {"batch_norm", "",
         plain({
             number("momentum", "0.99", kFraction,
                    "share of the old running statistics that a step keeps"),
             number("epsilon", "1e-3", kPositive, "added to the variance"),
         }),
         "batch normalisation per channel with trained scale and offset; running statistics "
         "outside of training"},
        {"leaky_relu", "slope",
         plain({number("slope", "0.3", kNotNegative, "factor of negative values")}),
         "x for x > 0, slope * x otherwise"},
        {"relu", "", plain({}), "max(x, 0)"},
        {"sigmoid", "", plain({}), "1 / (1 + exp(-x))"},
        {"tanh", "", plain({}), "hyperbolic tangent"},
        {"softplus", "", plain({}), "log(1 + exp(x))"},
        {"dropout", "rate",
         plain({number("rate", kRequired, kFraction,
                       "share of the values set to 0; the others are divided by 1 - rate")}),
         "drops values at random in training, does nothing otherwise"},
    };
}

std::vector<LayerRow> make_layer_table() {
    std::vector<LayerRow> table = contractions();
    for (LayerRow& row : others()) table.push_back(std::move(row));
    return table;
}

}  // namespace

const std::vector<LayerRow>& layer_table() {
    static const std::vector<LayerRow> kTable = make_layer_table();
    return kTable;
}

}  // namespace gmc::dsl
