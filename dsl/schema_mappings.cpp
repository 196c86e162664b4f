// The rows of everything that is not a layer. To add a key: a row here, and the place that reads
// it.
#include <limits>

#include "dsl/schema.h"

namespace gmc::dsl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Range kAnyNumber{-kInfinity, kInfinity, true, true};
constexpr Range kElements{1, 2147483648.0};
constexpr Range kManySteps{1, 1e6};
constexpr Range kExamples{1, 1e9};

KeyRow structure(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kStructure, fallback, doc};
}
KeyRow expression(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kExpression, fallback, doc};
}

std::vector<MappingRow> model_rows() {
    return {
        {"model",
         {{"model", KeyType::kName, kRequired, "the model's name"},
          {"description", KeyType::kText, "", "one line about it"},
          {"extends", KeyType::kText, kOptional,
           "another model file, beside this one, whose keys hold where this file gives none; lists "
           "are replaced whole"},
          structure("variables", kOptional,
                    "names for `${name}`, replaced before anything is read; `--set name=value`"),
          structure("data", kRequired, "fields of an example, and `test:` with the same fields"),
          structure("blocks", kOptional, "named lists of layers with parameters, used as a layer"),
          structure("networks", kRequired, "the networks by name"),
          structure("objective", kRequired, "what is minimized"),
          structure("train", kOptional, "batch size, epochs, optimizer")},
         "the file"},
        {"data field",
         {{"idx",
           KeyType::kText,
           kOptional,
           "path of an idx file, .gz or not; relative to the working directory",
           {},
           "",
           "source"},
          {"synthetic",
           KeyType::kStructure,
           kOptional,
           "a generated set: `shapes`, or `{set: shapes, size: 28, channels: 1}`",
           {},
           "",
           "source"},
          structure("range", kOptional,
                    "[low, high] that the stored 0..255 is mapped to; [0, 1] when left out"),
          {"shape", KeyType::kShape, kOptional,
           "shape of an example; read from the file when left out, and then the file must exist",
           kElements},
          {"count", KeyType::kInteger, kOptional, "use only so many examples", kExamples}},
         "a field of `data`; under `test`, range and shape come from the field of the same name"},
        {"synthetic",
         {{"set", KeyType::kWord, "shapes", "the generator", {}, "shapes"},
          {"size", KeyType::kInteger, "28", "height and width", {4, 1024}},
          {"channels", KeyType::kWord, "1", "grey or colour", {}, "1|3"}},
         "pictures made on the fly: filled circles, squares, triangles, ..."},
        {"block",
         {structure("parameters", kOptional,
                    "names with defaults; `name: null` has to be given by the user of the block"),
          structure(
              "layers", kRequired,
              "the layers; `${name}` is a parameter, `from: input` what the block is put upon")},
         "a named list of layers"},
        {"network",
         {{"role", KeyType::kName, "", "what a recipe knows this network as"},
          structure("inputs", kRequired,
                    "name: a shape such as [128], or `data.image` for the shape of that field"),
          structure("layers", kOptional, "the layers, in order"),
          structure("outputs", kOptional,
                    "named results, each a layer or a list of layers after the last of `layers`; "
                    "`net(x).name`")},
         "a network"},
    };
}

std::vector<MappingRow> objective_rows() {
    return {
        {"objective",
         {{"recipe", KeyType::kName, kOptional, "a file of models/recipes that gives what follows"},
          structure("let", kOptional, "name: expression, in any order"),
          structure("minimize", kOptional, "list of what is minimized by which networks"),
          {"schedule",
           KeyType::kWord,
           kOptional,
           "`alternating`: entry after entry, each with a forward pass of its own; `simultaneous`: "
           "one forward pass for "
           "all",
           {},
           "alternating|simultaneous"},
          structure(
              "metrics", kOptional,
              "name: expression, or a set of names of `let`; measured in training and by eval"),
          structure("functions", kOptional,
                    "name(parameters): expression or a map of expressions; what gmrun calls")},
         "what is minimized; beside `recipe`, its parameters and its roles are keys too"},
        {"minimize entry",
         {{"networks", KeyType::kNames, kRequired, "the networks whose parameters are updated"},
          expression("loss", kRequired, "the scalar to minimize"),
          structure("metrics", kOptional, "as in `objective`"),
          structure("optimizer", kOptional, "when it differs from that of `train`"),
          {"repeat", KeyType::kInteger, "1", "updates per step", {1, 1000}},
          {"name", KeyType::kName, kOptional,
           "for metrics and functions; the networks joined by _ when left out"}},
         "one entry of `minimize`"},
        {"recipe",
         {{"recipe", KeyType::kName, kRequired, "its name, that of the file"},
          {"description", KeyType::kText, "", "one line about it"},
          structure("parameters", kOptional,
                    "name: default, `name: null` when it has to be given, `name: {words: [a, b], "
                    "default: a}` for a choice"),
          structure("roles", kRequired, "role: one line about what the network does"),
          structure("choose", kOptional,
                    "parameter: {word: parts of a recipe that hold when it is chosen}"),
          structure("let", kOptional, "as in `objective`"),
          structure("minimize", kOptional, "as in `objective`"),
          {"schedule",
           KeyType::kWord,
           kOptional,
           "as in `objective`",
           {},
           "alternating|simultaneous"},
          structure("metrics", kOptional, "as in `objective`"),
          structure("functions", kOptional, "as in `objective`")},
         "a file of models/recipes; in its expressions a role stands for the network bound to it, "
         "a parameter for its "
         "value"},
        {"recipe part",
         {structure("let", kOptional, "added"),
          structure("minimize", kOptional, "replaces the list"),
          {"schedule",
           KeyType::kWord,
           kOptional,
           "replaces the word",
           {},
           "alternating|simultaneous"},
          structure("metrics", kOptional, "added"),
          structure("functions", kOptional, "added")},
         "what a choice adds to a recipe"},
        {"recipe choice",
         {structure("words", kRequired, "the words that may be chosen"),
          {"default", KeyType::kName, kOptional, "the word when none is given"}},
         "a parameter that is one of several words"},
    };
}

std::vector<MappingRow> train_rows() {
    return {
        {"train",
         {{"batch_size", KeyType::kInteger, "128", "examples per step", {1, 65536}},
          {"epochs", KeyType::kInteger, "10", "passes over the data", kManySteps},
          structure("optimizer", kOptional,
                    "{adam: {...}} or {sgd: {...}}; adam with its defaults when left out")},
         "how it is trained"},
        {"optimizer",
         {{"adam", KeyType::kStructure, kOptional, "Adam (Kingma and Ba 2014)", {}, "", "kind"},
          {"sgd",
           KeyType::kStructure,
           kOptional,
           "stochastic gradient descent with momentum",
           {},
           "",
           "kind"}},
         "one optimizer; every hyperparameter is a number, an expression of `step` and `epoch`, or "
         "a schedule"},
        {"adam",
         {expression("learning_rate", "1e-3", "step size"),
          expression("beta_1", "0.9", "decay of the mean"),
          expression("beta_2", "0.999", "decay of the square"),
          expression("epsilon", "1e-7", "added to the root of the square")},
         "Adam with bias correction, as Keras has it"},
        {"sgd",
         {expression("learning_rate", "0.01", "step size"),
          expression("momentum", "0", "share of the last update kept"),
          {"nesterov", KeyType::kFlag, "false", "looks ahead (Nesterov's momentum)"}},
         "stochastic gradient descent"},
        {"schedule",
         {structure("linear", kOptional,
                    "{from, to, over}: straight from `from` to `to`, then `to`"),
          structure("cosine", kOptional,
                    "{from, to, over}: half a cosine from `from` to `to`, then `to`")},
         "a number that changes in training; as a call: linear(from, to, over, unit) with unit "
         "`epoch` or `step`"},
        {"schedule keys",
         {{"from", KeyType::kNumber, kRequired, "first value", kAnyNumber},
          {"to", KeyType::kNumber, kRequired, "last value", kAnyNumber},
          {"over", KeyType::kText, kRequired, "`10 epochs` or `5000 steps`"}},
         "of a schedule"},
    };
}

std::vector<MappingRow> make_mapping_table() {
    std::vector<MappingRow> table = model_rows();
    for (const auto& rows : {objective_rows(), train_rows()})
        table.insert(table.end(), rows.begin(), rows.end());
    return table;
}

}  // namespace

const std::vector<MappingRow>& mapping_table() {
    static const std::vector<MappingRow> kTable = make_mapping_table();
    return kTable;
}

}  // namespace gmc::dsl
