// The rows of layers. To add a layer: a row here, a builder in dsl/lower/layers, a file test.
#include "dsl/schema/schema_rows.h"

namespace gmc::dsl {
namespace {

/// Limits that hold off slips of the keyboard and sizes that no machine could hold; a sensible
/// model is far from all of them. 1e6: channels, units, classes; 1000: windows, strides and
/// factors.
constexpr Range kSizes{1, 1e6};
constexpr Range kWindow{1, 1000};
/// At least 0 and below 1: all of a value cannot be dropped or kept.
constexpr Range kFraction{0, 1, false, true};

constexpr const char* kActivations =
    "none|relu|leaky_relu|prelu|elu|gelu|silu|sigmoid|tanh|softplus|softmax";
constexpr const char* kInitializers =
    "glorot_uniform|glorot_normal|he_uniform|he_normal|normal|uniform|orthogonal|zeros|ones";

/// Adds the keys that all layers have.
std::vector<KeyRow> plain(std::vector<KeyRow> own) {
    own.push_back(name("name", kOptional, "a name that `from` can refer to"));
    own.push_back(
        names("from", kOptional, "the layer or input to take instead of the layer before"));
    return own;
}

/// Adds the keys that all layers with weights have.
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
    own.push_back(flag("spectral_norm", "false",
                       "divides the weights by their largest singular value, which one power "
                       "iteration per training step estimates (Miyato et al. 2018)"));
    return plain(std::move(own));
}

/// Marks rows of layers that have weights or statistics of their own.
std::vector<LayerRow> trained(std::vector<LayerRow> rows) {
    for (LayerRow& row : rows) row.weights = true;
    return rows;
}

/// Marks the row of an activation. What it can give is `gives`, times the number of a key.
LayerRow activation(LayerRow row, std::optional<Range> gives = {}, const char* times = "") {
    row.effect = LayerEffect::kActivates;
    row.gives = gives;
    row.gives_times = times;
    return row;
}

/// Marks the row of a layer that moves values without changing them.
LayerRow moves(LayerRow row) {
    row.effect = LayerEffect::kMoves;
    return row;
}

std::vector<KeyRow> convolution(int axes, const char* stride_doc, KeyRow padding) {
    constexpr const char* kKernel[] = {"length of the window", "height and width of the window",
                                       "depth, height and width of the window"};
    return weighted({
        integer("filters", kRequired, kSizes, "output channels"),
        per_axis(axes, "kernel", kRequired, kWindow, kKernel[axes - 1]),
        per_axis(axes, "stride", "1", kWindow, stride_doc),
        padding,
        per_axis(axes, "dilation", "1", kWindow, "distance between the window's elements"),
        integer("groups", "1", kSizes,
                "parts of the channels that see only each other; divides channels and filters"),
    });
}

KeyRow plain_padding() {
    return word("padding", "same", "same|valid",
                "`same`: output = ceil(input / stride), the odd element goes last; `valid`: none");
}

KeyRow transposed_padding() {
    return word("padding", "same", "same|valid",
                "`same`: output = input * stride; `valid`: (input - 1) * stride + dilation * "
                "(kernel - 1) + 1");
}

/// Layers with weights that are matrix products or convolutions.
std::vector<LayerRow> contractions() {
    return {
        {"dense", "units", weighted({integer("units", kRequired, kSizes, "number of outputs")}),
         "y = x W + b over the last dimension"},
        {"conv1d", "",
         convolution(1, "step of the window",
                     word("padding", "same", "same|valid|causal",
                          "`same`: output = ceil(input / stride), the odd element goes last; "
                          "`valid`: none; `causal`: all of it first, so that no output sees later "
                          "inputs")),
         "one-dimensional convolution of [length, channels]"},
        {"conv2d", "", convolution(2, "step of the window", plain_padding()),
         "two-dimensional convolution of [height, width, channels]"},
        {"conv3d", "", convolution(3, "step of the window", plain_padding()),
         "three-dimensional convolution of [depth, height, width, channels], as of volumes or "
         "films"},
        {"conv1d_transpose", "",
         convolution(1, "factor by which the length grows", transposed_padding()),
         "transposed convolution: the gradient of `conv1d` with respect to its input"},
        {"conv2d_transpose", "",
         convolution(2, "factor by which height and width grow", transposed_padding()),
         "transposed convolution: the gradient of `conv2d` with respect to its input"},
        {"conv3d_transpose", "",
         convolution(3, "factor by which depth, height and width grow", transposed_padding()),
         "transposed convolution: the gradient of `conv3d` with respect to its input"},
    };
}

std::vector<LayerRow> reshapes() {
    return {
        moves({"flatten", "", plain({}), "all of an example in one dimension"}),
        moves({"depth_to_space", "size",
               plain({per_axis(2, "size", "2", kWindow, "height and width of a block")}),
               "[height, width, channels] with each position's channels as a block of positions, "
               "row by row, as in TensorFlow (Shi et al. 2016): [4, 4, 12] with `size: 2` becomes "
               "[8, 8, 3]"}),
        moves({"space_to_depth", "size",
               plain({per_axis(2, "size", "2", kWindow, "height and width of a block")}),
               "the way back: each block's positions as channels of one position"}),
        moves({"reshape", "shape",
               plain({{"shape",
                       KeyType::kShape,
                       kRequired,
                       "the new shape, with as many elements as before; one size may be -1, for "
                       "what is left",
                       {-1, kMostElements}}}),
               "the same elements in the same order, in another shape"}),
    };
}

/// Activations, with what they can give: the checks of models warn where a loss or the data need
/// other numbers.
std::vector<LayerRow> activations() {
    constexpr double kGeluLeast = -0.17, kSiluLeast = -0.279;  ///< at -0.752 and -1.278
    constexpr Range kAboveZero{0, kInfinity, true, true};
    constexpr Range kProbability{0, 1, true, true};
    return {
        activation({"leaky_relu", "slope",
                    plain({number("slope", "0.3", kNotNegative, "factor of negative values")}),
                    "x for x > 0, slope * x otherwise"}),
        activation({"relu", "", plain({}), "max(x, 0)"}, kNotNegative),
        activation({"elu", "alpha",
                    plain({number("alpha", "1", kNotNegative,
                                  "what large negative values tend to, negated")}),
                    "x for x > 0, alpha * (exp(x) - 1) otherwise"},
                   Range{-1, kInfinity, false, true}, "alpha"),
        activation({"gelu", "", plain({}), "x / 2 * (1 + erf(x / sqrt(2))), the exact form"},
                   Range{kGeluLeast, kInfinity, false, true}),
        activation({"silu", "", plain({}), "x * sigmoid(x), also called swish"},
                   Range{kSiluLeast, kInfinity, false, true}),
        activation({"sigmoid", "", plain({}), "1 / (1 + exp(-x))"}, kProbability),
        activation({"tanh", "", plain({}), "hyperbolic tangent"}, Range{-1, 1, true, true}),
        activation({"softplus", "", plain({}), "log(1 + exp(x))"}, kAboveZero),
        activation({"softmax", "", plain({}),
                    "exp(x) / sum(exp(x)) over the channels, the last dimension"},
                   kProbability),
    };
}

/// Layers that are random in training and do nothing otherwise.
std::vector<LayerRow> noises() {
    return {
        {"dropout", "rate",
         plain({expression("rate", kRequired, kFraction,
                           "share of the values set to 0; the others are divided by 1 - rate")}),
         "drops values at random in training, does nothing otherwise"},
        {"gaussian_noise", "stddev",
         plain({expression("stddev", kRequired, kNotNegative, "standard deviation of the noise")}),
         "adds noise of N(0, stddev^2) in training, does nothing otherwise"},
    };
}

/// The keys of pooling over one to three axes.
std::vector<KeyRow> pooling(int axes, const char* same_doc) {
    static constexpr const char* kPool[] = {"length of the window",
                                            "height and width of the window",
                                            "depth, height and width of the window"};
    return plain({
        per_axis(axes, "pool", "2", kWindow, kPool[axes - 1]),
        per_axis(axes, "stride", kOptional, kWindow,
                 "step of the window; as large as the window when left out"),
        word("padding", "valid", "valid|same", same_doc),
    });
}

std::vector<LayerRow> poolings() {
    constexpr const char* kMax =
        "`valid`: whole windows only; `same`: output = ceil(input / stride)";
    constexpr const char* kAverage =
        "`valid`: whole windows only; `same`: output = ceil(input / stride), and what lies outside "
        "of the input does not count";
    return {
        {"max_pooling2d", "pool", pooling(2, kMax), "largest of each window and channel"},
        {"average_pooling2d", "pool", pooling(2, kAverage), "mean of each window and channel"},
        {"max_pooling1d", "pool", pooling(1, kMax),
         "largest of each window and channel of [length, channels]"},
        {"average_pooling1d", "pool", pooling(1, kAverage),
         "mean of each window and channel of [length, channels]"},
        {"max_pooling3d", "pool", pooling(3, kMax),
         "largest of each window and channel of [depth, height, width, channels]"},
        {"average_pooling3d", "pool", pooling(3, kAverage),
         "mean of each window and channel of [depth, height, width, channels]"},
        {"global_average_pooling", "", plain({}), "mean of each channel over all positions"},
        {"global_max_pooling", "", plain({}), "largest of each channel over all positions"},
    };
}

/// The keys of `pad` and `crop`: how much is added or taken at the ends of the axes.
std::vector<KeyRow> border(const char* size_doc, std::vector<KeyRow> own = {}) {
    std::vector<KeyRow> rows = {
        integer("size", kOptional, {0, 1000}, size_doc),
        per_axis(2, "depth", kOptional, {0, 1000}, "before and behind a volume, instead of `size`"),
        per_axis(2, "height", kOptional, {0, 1000}, "above and below, instead of `size`"),
        per_axis(2, "width", kOptional, {0, 1000}, "left and right, instead of `size`"),
        per_axis(2, "length", kOptional, {0, 1000},
                 "before and behind [length, channels], instead of `size`"),
    };
    for (KeyRow& row : own) rows.push_back(row);
    return plain(std::move(rows));
}

std::vector<LayerRow> resizes() {
    return {
        {"up_sampling2d", "size",
         plain({
             per_axis(2, "size", "2", kWindow, "factors by which height and width grow"),
             word("interpolation", "nearest", "nearest|bilinear",
                  "`bilinear`: between the centres of pixels; at the edges the nearest"),
         }),
         "repeats or interpolates rows and columns"},
        {"up_sampling3d", "size",
         plain({
             per_axis(3, "size", "2", kWindow, "factors by which depth, height and width grow"),
             word("interpolation", "nearest", "nearest|trilinear",
                  "`trilinear`: between the centres of voxels; at the faces the nearest"),
         }),
         "repeats or interpolates along each axis of a volume"},
        {"up_sampling1d", "size",
         plain({integer("size", "2", kWindow, "factor by which the length grows")}),
         "repeats each element of [length, channels]"},
        {"pad", "size",
         border(
             "elements put at both ends of every axis",
             {word("mode", "zeros", "zeros|edge|reflect",
                   "what is put there: zeros, copies of the edge, or the mirror image of what lies "
                   "behind the edge")}),
         "a border around an example; `- pad: 2`, `- pad: {height: [0, 1]}`"},
        moves({"crop", "size", border("elements taken off at both ends of every axis"),
               "an example without its border; `- crop: 2`, `- crop: {width: [1, 0]}`"}),
    };
}

/// An example has at most 8 axes (kMostDimensions); -8 is the first of eight, counted from the end.
constexpr Range kAxis{-8, 7}, kAxisFromFront{0, 7};
/// Beyond any axis; where an axis ends is checked when its size is known.
constexpr Range kPosition{-1e9, 1e9};

KeyRow variance_epsilon() { return number("epsilon", "1e-3", kPositive, "added to the variance"); }

/// The keys of a layer of several inputs, as in `- add: [a, b]`.
std::vector<KeyRow> merging(std::vector<KeyRow> own) {
    own.insert(own.begin(), names("from", kOptional, "the layers or inputs to take, by name"));
    own.push_back(name("name", kOptional, "a name that `from` can refer to"));
    return own;
}

std::vector<LayerRow> trained_others() {
    return {
        {"batch_norm", "",
         plain({
             number("momentum", "0.99", kFraction,
                    "share of the old running statistics that a step keeps"),
             number("epsilon", "1e-3", kPositive, "added to the variance"),
         }),
         "batch normalisation per channel with trained scale and offset; running statistics "
         "outside of training"},
        activation({"prelu", "", plain({}),
                    "x for x > 0, slope * x otherwise, with a trained slope per channel that "
                    "starts at 0.25"}),
        {"layer_norm", "", plain({variance_epsilon()}),
         "each example by itself, over the last dimension, with trained scale and offset (Ba et "
         "al. 2016)"},
        {"group_norm", "groups",
         plain({
             integer("groups", kRequired, kSizes,
                     "groups of neighbouring channels; it divides "
                     "their number"),
             variance_epsilon(),
         }),
         "each example by itself, over all positions and the channels of a group, with trained "
         "scale and offset per channel (Wu and He 2018)"},
        {"instance_norm", "", plain({variance_epsilon()}),
         "each example and channel by itself, over all positions, with trained scale and offset "
         "(Ulyanov et al. 2016)"},
    };
}

/// Convolutions that have no weights of their own.
std::vector<LayerRow> convolutions_of_two() {
    const auto keys = [](const char* stride_doc, KeyRow padding) {
        return merging({
            per_axis(kAnyAxes, "stride", "1", kWindow, stride_doc),
            padding,
            per_axis(kAnyAxes, "dilation", "1", kWindow, "distance between the window's elements"),
            integer("groups", "1", kSizes, "parts of the channels that see only each other"),
        });
    };
    return {
        {"convolve", "from", keys("step of the window", plain_padding()),
         "convolution with weights that are given, `convolve(x, w)`: over as many axes as x has, w "
         "is [kernel..., channels / groups, filters], the same for every example",
         2, 2},
        {"convolve_transpose", "from", keys("factor by which sizes grow", transposed_padding()),
         "transposed convolution with weights that are given: the gradient of `convolve` with "
         "respect to x, so w is [kernel..., filters / groups, channels]",
         2, 2},
    };
}

std::vector<LayerRow> merges() {
    return {
        {"concat", "from",
         merging({integer("axis", "-1", kAxis, "axis of the example, from the end if negative")}),
         "inputs one after another along an axis", 2, kManyInputs},
        {"add", "from", merging({}),
         "sum of inputs, element by element; sizes of 1 and missing leading axes repeat", 2,
         kManyInputs},
        {"multiply", "from", merging({}),
         "product of inputs, element by element; sizes of 1 and missing leading axes repeat", 2,
         kManyInputs},
        {"subtract", "from", merging({}),
         "the first input minus the second, element by element; sizes repeat as in `add`", 2, 2},
        moves({"identity", "", plain({}),
               "what it takes, unchanged: names it, or makes it an output"}),
    };
}

std::vector<LayerRow> views() {
    return {
        moves({"permute", "axes",
               plain({axes("axes", kRequired, kAxisFromFront,
                           "axis i of the result is axis axes[i] of the input; the first is 0")}),
               "exchanges the axes of an example"}),
        {"slice", "",
         plain({
             integer("axis", "-1", kAxis, "axis of the example, from the end if negative"),
             integer("start", "0", kPosition, "first position, from the end if negative"),
             integer("stop", kOptional, kPosition,
                     "position after the last, from the end if negative; the end when left out"),
             integer("step", "1", kSizes, "distance of the positions that are taken"),
         }),
         "a part of an example along one axis"},
    };
}

constexpr const char* kClassesDoc =
    "labels are 0 to classes - 1; when left out, as many as the field of the data has that the "
    "network's input is shaped like";

std::vector<LayerRow> classes() {
    return {
        {"one_hot", "classes", plain({integer("classes", kOptional, kSizes, kClassesDoc)}),
         "1 at the label and 0 elsewhere, along a new last axis"},
    };
}

std::vector<LayerRow> tables_of_vectors() {
    return {
        {"embedding", "",
         plain({
             integer("classes", kOptional, kSizes, kClassesDoc),
             integer("units", kRequired, kSizes, "length of the vector of a label"),
             initializer("initializer", "uniform", kInitializers,
                         "first values of the vectors; `uniform` is from -0.05 to 0.05"),
             number("initializer_stddev", "0.05", kPositive,
                    "standard deviation of the initializer `normal`"),
         }),
         "a trained vector per label, along a new last axis"},
        {"vector_quantize", "codes",
         plain({integer("codes", kRequired, kSizes, "vectors in the codebook")}),
         "the nearest vector of a trained codebook, by Euclidean distance, in place of each vector "
         "along the last axis; the gradient passes straight through (van den Oord et al. 2017). "
         "With `name: q`, `q.nearest` is the same with its gradient to the codebook, `q.index` the "
         "number of the vector",
         1, 1, "nearest|index"},
    };
}

std::vector<LayerRow> parameters() {
    std::vector<KeyRow> keys = tensor_keys(kOptional, "normal");
    keys.front().range = {-1, kMostElements};
    return {
        {kParameterLayer.data(), "shape", plain(std::move(keys)),
         "a trained tensor, the same for every example. A size of -1 in its shape is the channels "
         "of "
         "what it is put upon, of which it takes nothing else",
         0, 1},
    };
}

std::vector<LayerRow> computed() {
    return {
        {"expression", "expression",
         plain({expression("expression", kRequired, {},
                           "names are layers and inputs before this one, and `previous`, what it "
                           "is put upon; networks and definitions can be called")}),
         "any expression: `- expression: matmul(softmax(scores), v)`"},
    };
}

std::vector<LayerRow> make_layer_table() {
    std::vector<LayerRow> table = trained(contractions());
    for (LayerRow& row : convolutions_of_two()) table.push_back(std::move(row));
    for (LayerRow& row : poolings()) table.push_back(std::move(row));
    for (LayerRow& row : resizes()) table.push_back(std::move(row));
    for (LayerRow& row : reshapes()) table.push_back(std::move(row));
    for (LayerRow& row : activations()) table.push_back(std::move(row));
    for (LayerRow& row : noises()) table.push_back(std::move(row));
    for (LayerRow& row : trained(trained_others())) table.push_back(std::move(row));
    for (LayerRow& row : merges()) table.push_back(std::move(row));
    for (LayerRow& row : views()) table.push_back(std::move(row));
    for (LayerRow& row : classes()) table.push_back(std::move(row));
    for (LayerRow& row : trained(tables_of_vectors())) table.push_back(std::move(row));
    for (LayerRow& row : trained(parameters())) table.push_back(std::move(row));
    for (LayerRow& row : computed()) table.push_back(std::move(row));
    return table;
}

}  // namespace

std::vector<KeyRow> tensor_keys(const char* its_shape, const char* first_values) {
    return {
        shape("shape", its_shape, "its shape; one number where it is left out"),
        initializer("initializer", first_values, kInitializers,
                    "first values; also `normal: {stddev: 0.02}`"),
        number("initializer_stddev", "0.05", kPositive,
               "standard deviation of the initializer `normal`"),
    };
}

const std::vector<LayerRow>& layer_table() {
    static const std::vector<LayerRow> kTable = make_layer_table();
    return kTable;
}

}  // namespace gmc::dsl
