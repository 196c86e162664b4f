// The rows of the layers. To add a layer: a row here, a builder in compiler/build, a file test.
#include <limits>

#include "dsl/schema.h"

namespace gmc::dsl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Range kSizes{1, 1e6};
constexpr Range kWindow{1, 1000};
constexpr Range kElements{1, 2147483648.0};
constexpr Range kPositive{0, kInfinity, true, true};
constexpr Range kNotNegative{0, kInfinity, false, true};
constexpr Range kFraction{0, 1, false, true};

constexpr const char* kActivations = "none|relu|leaky_relu|sigmoid|tanh|softplus";
constexpr const char* kInitializers =
    "glorot_uniform|glorot_normal|he_uniform|he_normal|normal|orthogonal|zeros|ones";

/// A kind's own keys and then those that all layers have, or all with weights.
std::vector<KeyRow> with_common(std::vector<KeyRow> own, bool weights) {
    if (weights) {
        own.push_back({"bias", KeyType::kFlag, "true", "adds a trained bias to each channel"});
        own.push_back(
            {"activation",
             KeyType::kWord,
             "none",
             "applied to the result; `leaky_relu` has the slope 0.3 (write a layer for another)",
             {},
             kActivations});
        own.push_back(
            {"initializer",
             KeyType::kInitializer,
             "glorot_uniform",
             "first values of the weights; `normal: {stddev: 0.02}` gives the deviation too",
             {},
             kInitializers});
        own.push_back({"initializer_stddev", KeyType::kNumber, "0.05",
                       "standard deviation of the initializer `normal`", kPositive});
        own.push_back({"bias_initializer",
                       KeyType::kInitializer,
                       "zeros",
                       "first values of the bias",
                       {},
                       kInitializers});
    }
    own.push_back({"name", KeyType::kName, kOptional,
                   "a name that `from` can refer to; unique in its network"});
    own.push_back({"from", KeyType::kNames, kOptional,
                   "the layer or input to take instead of the layer before"});
    return own;
}

KeyRow kernel_row() {
    return {"kernel", KeyType::kPair, kRequired, "height and width of the window", kWindow};
}

std::vector<LayerRow> make_layer_table() {
    return {
        {"dense", "units",
         with_common({{"units", KeyType::kInteger, kRequired, "outputs", kSizes}}, true),
         "y = x W + b over the last dimension"},
        {"conv2d", "",
         with_common(
             {{"filters", KeyType::kInteger, kRequired, "output channels", kSizes},
              kernel_row(),
              {"stride", KeyType::kPair, "1", "step of the window", kWindow},
              {"padding",
               KeyType::kWord,
               "same",
               "`same`: output = ceil(input / stride), the odd pixel of padding goes last; "
               "`valid`: none",
               {},
               "same|valid"},
              {"dilation", KeyType::kPair, "1", "distance of the window's elements", kWindow}},
             true),
         "two-dimensional convolution of [height, width, channels]"},
        {"conv2d_transpose", "",
         with_common(
             {{"filters", KeyType::kInteger, kRequired, "output channels", kSizes},
              kernel_row(),
              {"stride", KeyType::kPair, "1", "factor by which height and width grow", kWindow},
              {"padding", KeyType::kWord, "same", "`same`: output = input * stride", {}, "same"}},
             true),
         "transposed convolution: the gradient of `conv2d` with respect to its input"},
        {"flatten", "", with_common({}, false), "all of an example in one dimension"},
        {"reshape", "shape",
         with_common({{"shape", KeyType::kShape, kRequired,
                       "the new shape; as many elements as before", kElements}},
                     false),
         "the same elements in the same order, in another shape"},
        {"batch_norm", "",
         with_common({{"momentum", KeyType::kNumber, "0.99",
                       "share of the old running statistics kept per step", kFraction},
                      {"epsilon", KeyType::kNumber, "1e-3", "added to the variance", kPositive}},
                     false),
         "batch normalisation per channel, with trained scale and offset; running statistics "
         "outside of training"},
        {"leaky_relu", "slope",
         with_common(
             {{"slope", KeyType::kNumber, "0.3", "factor of negative values", kNotNegative}},
             false),
         "x for x > 0, slope * x otherwise"},
        {"relu", "", with_common({}, false), "max(x, 0)"},
        {"sigmoid", "", with_common({}, false), "1 / (1 + exp(-x))"},
        {"tanh", "", with_common({}, false), "hyperbolic tangent"},
        {"softplus", "", with_common({}, false), "log(1 + exp(x))"},
        {"dropout", "rate",
         with_common({{"rate", KeyType::kNumber, kRequired,
                       "share of the values set to 0 in training; the others "
                       "are divided by 1 - rate",
                       kFraction}},
                     false),
         "drops values at random in training, does nothing otherwise"},
    };
}

}  // namespace

const std::vector<LayerRow>& layer_table() {
    static const std::vector<LayerRow> kTable = make_layer_table();
    return kTable;
}

}  // namespace gmc::dsl
