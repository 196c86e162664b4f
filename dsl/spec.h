// A model as its author wrote it: typed, checked for keys, types and ranges, every part with its
// span. Variables, recipes, `extends` and `blocks` are already expanded. What is left to
// dsl/lower is meaning: shapes, names in expressions, parameters.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/text/expression.h"

namespace gmc::dsl {

/// One key of a layer after type checking and defaults. Strings are enumerators such as "same".
using LayerValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

/// A layer: `kind` is a row of the layer table (dsl/schema/schema), `values` has every key of that
/// row except those with no default that were not given. A layer written as `dense: {units: 4,
/// activation: relu}` is ONE layer; `activation`, `bias`, `initializer`, `spectral_norm` are keys
/// of it.
struct LayerSpec {
    std::string kind;
    std::string name;  ///< the `name:` key, or "" (build makes names such as `dense`, `dense_1`)
    std::vector<std::string> from;  ///< names of layers or inputs; empty = the layer before
    std::map<std::string, LayerValue> values;
    /// Of the keys that take expressions, those that training changes; plain numbers are in
    /// `values`.
    std::map<std::string, ExpressionPtr> expressions;
    std::map<std::string, Span> value_spans;  ///< of the values that were written
    Span span;                                ///< the layer's kind, as in `dense`
    Span from_span;
    Span block_use;  ///< where the block that holds it is used, the outermost; unknown outside of
                     ///< blocks

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
    /// Where `key` was written, or the layer itself.
    Span span_of(const std::string& key) const {
        const auto found = value_spans.find(key);
        return found == value_spans.end() ? span : found->second;
    }
};

/// An input of a network: a shape, or the shape of something else (`data.image`).
struct NetworkInput {
    std::string name;
    std::string like;            ///< "data.image", or "" when `shape` is given
    std::vector<int64_t> shape;  ///< without the batch, channels last
    Span span;
};

/// A named output: the layers that lead from the trunk to it (usually one dense layer).
struct NetworkOutput {
    std::string name;
    std::vector<LayerSpec> layers;
    Span span;
};

struct NetworkSpec {
    std::string name;
    std::string role;  ///< "" or the `role:` word a recipe binds to
    std::vector<NetworkInput> inputs;
    std::vector<LayerSpec> layers;
    std::vector<NetworkOutput> outputs;  ///< empty: the one output is the last layer's
    bool broken = false;  ///< errors were reported inside: what it takes and gives is not known
    Span span;
};

/// A field of the data, e.g. `image`. Exactly one source.
struct DataField {
    std::string name;
    std::string format;  ///< "idx", "npy", "npz", "folder", "synthetic" or "labels"
    /// A path, the name of the synthetic set ("shapes"), or of the field whose examples these are
    /// the labels of.
    std::string source;
    std::string key;  ///< of an npz: the array
    /// Without the batch, channels last, {} for labels; read from the file's header, or given.
    std::vector<int64_t> shape;
    double range_low = 0, range_high = 1;  ///< what stored 0..255 is mapped to, and others lie in
    bool range_given = false;              ///< false: [0, 1] is our guess
    /// Labels are 0 .. classes - 1; of pictures or points, how many kinds there are. 0: unknown, or
    /// none.
    int64_t classes = 0;
    std::string no_classes;  ///< why a file's classes are not known: "`y.npy` holds floats (f64)"
    std::vector<std::string> class_names;  ///< of labels from folders, where they were there to see
    bool crop = true;                      ///< folder: pictures are cut to the shape, not stretched
    bool flip = false;                     ///< folder: every second picture mirrored in training
    /// Examples; 0 = as many as the file has (synthetic: 60000 / 10000 by default).
    int64_t count = 0;
    Span span;
};

struct NamedExpression {
    std::string name;
    ExpressionPtr value;
    Span span;
};

/// Adam, SGD, ...: every hyperparameter is an expression (a number or a schedule of `step` and
/// `epoch`).
struct OptimizerSpec {
    std::string kind;                         ///< "adam", "sgd"
    std::vector<NamedExpression> parameters;  ///< those of the kind's row that are given or have
                                              ///< a default
    Span span;
};

/// One entry of `minimize`.
struct MinimizeSpec {
    /// For functions and metrics: the networks joined by "_", or the `name:` key.
    std::string name;
    std::vector<std::string> networks;
    std::vector<Span> network_spans;
    ExpressionPtr loss;
    std::vector<NamedExpression> metrics;
    std::optional<OptimizerSpec> optimizer;  ///< when it differs from train's
    int64_t repeat = 1;
    ExpressionPtr average;  ///< decay of the moving average of the weights; null for none
    Span span;
};

/// A function that gmrun can call: `sample(z): generator(z)`.
struct FunctionSpec {
    std::string name;
    std::vector<std::string> parameters;
    std::vector<Span> parameter_spans;
    /// One result named like the function, or several: `encode(image): {mean: q.mean, log_variance:
    /// q.log_variance}`.
    std::vector<NamedExpression> results;
    Span span;
};

/// The recipe that an objective names; all empty when the objective is written out.
struct RecipeUse {
    std::string name;
    uint32_t file = 0;  ///< of the recipe's expressions
    Span used_at;       ///< its name in the model
    /// What its parameters are when the model says nothing, as far as they are names: {"real",
    /// "image"}.
    std::map<std::string, std::string> default_names;
};

struct ObjectiveSpec {
    RecipeUse recipe;
    std::vector<NamedExpression> let;
    std::vector<MinimizeSpec> minimize;
    bool simultaneous = false;
    std::vector<FunctionSpec> functions;
    Span span;
};

struct TrainSpec {
    int64_t batch_size = 128;
    int64_t epochs = 10;
    OptimizerSpec optimizer;
    ExpressionPtr average;  ///< already in the entries of `minimize` that it holds for
    Span span;
};

struct ModelSpec {
    std::string name;
    std::string description;
    std::vector<DataField> data;
    std::vector<DataField> test;  ///< same fields; empty when the model names no test set
    std::vector<NetworkSpec> networks;
    ObjectiveSpec objective;
    TrainSpec train;
};

struct ReadModelOptions {
    std::string path;
    std::vector<std::string> sets;                ///< "latent=32", from --set
    std::vector<std::string> recipe_directories;  ///< where `recipe: vae` is looked for, in order
};

/// Reads, expands and checks a model file. Reports as many errors as make sense.
Result<ModelSpec> read_model(const ReadModelOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::dsl
