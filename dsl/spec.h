// ModelSpec: a model as its author wrote it, typed and checked for keys, types and ranges. Every
// part has its span, so that later errors can point at it. Variables, recipes, `extends` and
// `blocks` are expanded already. Left to dsl/lower is what needs shapes: the types of expressions,
// parameters, and what a loss depends on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/text/expression.h"

namespace gmc::dsl {

/// The value of one key of a layer, after type checks and defaults. A word such as "same" is a
/// string.
using LayerValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

/// A layer. `kind` names a row of the layer table (dsl/schema/schema.h). `values` has every key of
/// that row but those that have no default and were not given. A layer written as `dense: {units:
/// 4, activation: relu}` is ONE layer, of which `activation`, `bias`, `initializer` and
/// `spectral_norm` are keys.
struct LayerSpec {
    std::string kind;
    /// The key `name`, or ""; then dsl/lower makes a name such as `dense` or `dense_1`.
    std::string name;
    /// The function, definition or network that the layer calls, where it is such a call; a layer
    /// without a name is named after it.
    std::string callee;
    /// Names of layers or inputs; empty: the layer before this one, as is "" in the list.
    std::vector<std::string> from;
    /// Of an expression layer: what its expression calls the inputs of `from`, one by one.
    std::vector<std::string> arguments;
    std::map<std::string, LayerValue> values;
    /// Keys whose value changes in training, as an expression of `step` and `epoch`. Such a key
    /// with a plain number is in `values` instead.
    std::map<std::string, ExpressionPtr> expressions;
    /// Places of the values that the author wrote (those by default have none).
    std::map<std::string, Span> value_spans;
    /// Place of the layer's kind, as in `dense`.
    Span span;
    Span from_span;
    /// Place where the outermost block around the layer is used; unknown outside of blocks.
    Span block_use;
    /// The layers that a shared `repeat` repeats. `prefix` precedes their names, and `prefix.input`
    /// is what the first of them reads.
    std::vector<LayerSpec> layers;
    std::string prefix;

    bool has(const std::string& key) const { return values.count(key) != 0; }
    int64_t integer(const std::string& key) const { return std::get<int64_t>(values.at(key)); }
    double number(const std::string& key) const { return std::get<double>(values.at(key)); }
    bool flag(const std::string& key) const { return std::get<bool>(values.at(key)); }
    const std::string& word(const std::string& key) const {
        return std::get<std::string>(values.at(key));
    }
    const std::vector<int64_t>& integers(const std::string& key) const {
        return std::get<std::vector<int64_t>>(values.at(key));
    }
    /// The place where `key` was written, or else the layer's own.
    Span span_of(const std::string& key) const {
        const auto found = value_spans.find(key);
        return found == value_spans.end() ? span : found->second;
    }
};

/// An input of a network: a shape, or "the shape of" something else (`data.image`).
struct NetworkInput {
    std::string name;
    /// "data.image", or "" when `shape` is given.
    std::string like;
    /// Of one example, channels last.
    std::vector<int64_t> shape;
    Span span;
};

/// A named output: the layers from the end of the network's `layers` to it (usually one dense
/// layer).
struct NetworkOutput {
    std::string name;
    std::vector<LayerSpec> layers;
    Span span;
};

/// What a network says under `weights`.
struct WeightsSpec {
    std::string from;     ///< a path, found beside the model or in the working directory; "": none
    std::string network;  ///< its name in the file; "": not given
    std::string layout = "keras";
    std::vector<std::string> map;  ///< "ours=theirs"
    bool frozen = false;
    std::vector<std::string> frozen_layers;  ///< or groups of layers: the first parts of names
    std::vector<Span> frozen_layer_spans;
    Span span, from_span, network_span, map_span;
};

/// A network as it is written, blocks already expanded. Shapes between its layers are not known
/// here; dsl/lower finds them.
struct NetworkSpec {
    std::string name;
    /// The word of `role:`, by which a recipe finds the network; or "".
    std::string role;
    std::vector<NetworkInput> inputs;
    std::vector<LayerSpec> layers;
    /// Empty: the only output is the last layer's result.
    std::vector<NetworkOutput> outputs;
    std::optional<WeightsSpec> weights;
    bool is_frozen() const { return weights && weights->frozen; }
    /// An entry of `parameters`: it has no inputs and one layer, `parameter`. Its name stands for
    /// the tensor.
    bool is_parameter = false;
    /// Errors were reported inside, so what it takes and gives is not known.
    bool broken = false;
    Span span;
};

/// An entry of `state`: a tensor that each step replaces by the value of an expression.
struct StateSpec {
    std::string name;
    /// Its shape and first values, as of the layer `parameter`; or the number `start`.
    LayerSpec tensor;
    /// There is one for each place in the batch.
    bool per_example = false;
    ExpressionPtr update;
    Span span;
};

/// Examples of a synthetic set for training whose model gives no `count`.
inline constexpr int64_t kSyntheticTraining = 60000;

/// A field of the data, e.g. `image`. It has exactly one source.
struct DataField {
    std::string name;
    /// "idx", "npy", "npz", "folder", "csv", "wav", "synthetic" or "labels"
    std::string format;
    /// A path, or the name of the synthetic set ("shapes"), or, for labels, the name of the field
    /// that they are the labels of.
    std::string source;
    /// Which array of an npz file.
    std::string key;
    /// Of one example, channels last; {} for labels. Read from the file's header, or given in the
    /// model.
    std::vector<int64_t> shape;
    /// The range of the values. Stored bytes 0 .. 255 are mapped to it; other values have to lie in
    /// it.
    double range_low = 0, range_high = 1;
    /// False: the model says no `range`, and [0, 1] is assumed.
    bool range_given = false;
    /// Labels are 0 .. classes - 1. For pictures or points: how many kinds there are. 0: unknown or
    /// none.
    int64_t classes = 0;
    /// Why the classes of a file are not known, as in "`y.npy` holds floats (f64)".
    std::string no_classes;
    /// Of labels that come from folders, when the folders existed at compile time.
    std::vector<std::string> class_names;
    /// Folder: pictures are cut to the shape rather than stretched.
    bool crop = true;
    /// Folder: half of the pictures, drawn at random, are mirrored in training.
    bool flip = false;
    /// Folder: pictures that cannot be read are left out.
    bool skip_bad = false;
    /// Idx, npy, npz: pictures are stored as [N, channels, height, width].
    bool channels_first = false;
    /// Folder: the grey that transparent pictures are laid over, 0 to 255.
    std::optional<int64_t> ground;
    /// Csv: what the columns mean, a runtime::Table as text.
    std::string table;
    /// Wav: frames per second, and from the start of a window to that of the next.
    int64_t rate = 0, hop = 0;
    /// Its examples are in no pairs with those of the other fields.
    bool own_order = false;
    /// How many examples to use; 0: as many as the file has (60000, or 10000 for `test`, when
    /// synthetic).
    int64_t count = 0;
    /// How many examples it has, as far as its model or the header of its file tells; 0: unknown.
    int64_t examples = 0;
    Span span;
    Span source_span;  ///< where `source` is written, in a field of a file or folder
};

/// An entry of `let` or `metrics`, a result of a function, or a hyperparameter: `name: value`.
struct NamedExpression {
    std::string name;
    ExpressionPtr value;
    Span span;
};

/// What a loss or metric is counted in: `kl: nats per example`.
struct UnitSpec {
    std::string name;
    std::string unit;
    Span span;
};

/// What lookahead adds to an optimizer (Zhang et al. 2019).
struct LookaheadSpec {
    int64_t every = 5;
    ExpressionPtr share;
};

/// Adam, SGD, ...: every hyperparameter is an expression, a number or a schedule over `step` and
/// `epoch`.
struct OptimizerSpec {
    std::string kind;  ///< "adam", "sgd"
    /// Those that are given or have a default, in the order of the kind's table.
    std::vector<NamedExpression> parameters;
    /// Factors of `learning_rate` by the names of networks, or of networks and layers with a dot in
    /// between.
    std::vector<NamedExpression> rate_factors;
    std::optional<LookaheadSpec> lookahead;
    Span span;
};

/// One entry of `minimize`: networks, and the loss that updates them.
struct MinimizeSpec {
    /// Used in the names of functions and metrics: the key `name`, or else the networks joined by
    /// "_".
    std::string name;
    /// The networks that it trains; frozen ones have been taken out.
    std::vector<std::string> networks;
    std::vector<Span> network_spans;
    /// Whether `networks` was left out, so that they are all that no other entry trains.
    bool trains_the_rest = false;
    ExpressionPtr loss;
    std::vector<NamedExpression> metrics;
    /// Given when the entry has its own; otherwise that of `train` is used.
    std::optional<OptimizerSpec> optimizer;
    int64_t repeat = 1;
    /// Batches per update; 0: not given, which read_model replaces by that of `train`.
    int64_t accumulate = 0;
    Span accumulate_span;
    /// Decay of the moving average of the weights; null: no average.
    ExpressionPtr average;
    bool average_statistics = false;  ///< `average` is that of running statistics, too
    Span span;
};

/// A function that gmrun can call: `sample(z): generator(z)`.
struct FunctionSpec {
    std::string name;
    std::vector<std::string> parameters;
    std::vector<Span> parameter_spans;
    /// One result, which is named like the function, or several, as in `encode(image): {mean:
    /// q.mean, log_variance: q.log_variance}`.
    std::vector<NamedExpression> results;
    Span span;
};

/// A function of the author's own: `gumbel(x): -log(-log(uniform(x)))`.
struct Definition {
    std::string name;
    std::vector<std::string> parameters;
    ExpressionPtr body;
    Span span;
};

/// The recipe that an objective names; all empty when the objective is written out.
struct RecipeUse {
    std::string name;
    uint32_t file = 0;  ///< of the recipe's expressions
    Span used_at;       ///< its name in the model
    /// The defaults of those parameters whose default is a name: {"real", "image"}.
    std::map<std::string, std::string> default_names;
};

/// What is trained and how it is called afterwards. The parts of a recipe and those of the model
/// are merged here, so whoever reads this need not know whether there was a recipe.
struct ObjectiveSpec {
    /// Without a name when the objective is written out.
    RecipeUse recipe;
    std::vector<NamedExpression> let;
    std::vector<StateSpec> states;
    std::vector<MinimizeSpec> minimize;
    bool simultaneous = false;
    /// Each step is made from where another one would lead; then `simultaneous` is set, too.
    bool extragradient = false;
    std::vector<FunctionSpec> functions;
    std::vector<UnitSpec> units;  ///< of losses and metrics that the objective has
    Span span;

    /// What the loss of an entry is called in results: `loss` where there is one entry.
    std::string loss_name(const MinimizeSpec& entry) const {
        return minimize.size() == 1 ? "loss" : entry.name + "_loss";
    }
};

/// A figure of validation that is watched, and which of its values are good.
struct WatchedMetric {
    std::string name;
    bool highest = false;
    Span span;
};

/// The section `train`. The initial values are those of the schema's defaults; read_train
/// overwrites each of them. Metrics and durations are checked there, so a run cannot fail on them.
struct TrainSpec {
    int64_t batch_size = 128;
    int64_t accumulate = 1;
    int64_t epochs = 10;
    int64_t keep_last = 1;  ///< checkpoints
    std::optional<WatchedMetric> keep_best;
    int64_t checkpoint_steps = 0;   ///< a checkpoint also every so many steps; 0: only after epochs
    double checkpoint_seconds = 0;  ///< the same in seconds of the clock; 0: not by time
    std::string on_divergence = "stop";  ///< "stop", "rollback" or "lower_rate"
    int64_t retries = 3;                 ///< how often a run goes back before it stops all the same
    bool validate_test = false;
    double validate_share = 0;  ///< of the training data; 0: none
    Span validate_span;         ///< of the value of `validate`
    std::optional<WatchedMetric> early_stopping;
    int64_t patience = 0;  ///< epochs without a better figure before early stopping ends the run
    OptimizerSpec optimizer;
    /// `average` of `train`; read_model has already copied it into the entries of `minimize` that
    /// it holds for.
    ExpressionPtr average;
    bool average_statistics = false;
    Span span;
};

/// A whole model file, with its bases merged, its variables replaced and its blocks expanded. This
/// is what dsl/checks and dsl/lower work on.
struct ModelSpec {
    std::string name;
    std::string description;
    std::vector<DataField> data;
    /// The same fields as `data`; empty when the model names no test set.
    std::vector<DataField> test;
    std::vector<Definition> definitions;
    std::vector<NetworkSpec> networks;
    ObjectiveSpec objective;
    TrainSpec train;
    Span begin;  ///< the first character of its file
};

/// What a model is read from: the command line of `gmc`, as far as it concerns reading.
struct ReadModelOptions {
    std::string path;
    /// Texts of --set, such as "latent=32".
    std::vector<std::string> sets;
    /// Folders in which `recipe: vae` is looked for, in this order.
    std::vector<std::string> recipe_directories;
};

/// Reads, expands and checks a model file. Reports all errors that do not merely follow from
/// another.
Result<ModelSpec> read_model(const ReadModelOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::dsl
