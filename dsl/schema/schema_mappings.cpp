// The rows of everything that is not a layer. To add a key: a row here, and code in the reader of
// its section.
#include "dsl/schema/schema_rows.h"

namespace gmc::dsl {
namespace {

/// The limits below keep off slips of the keyboard (a batch of 1e9) and what the runtime could not
/// count or hold. `true, true` leaves out an end: infinity is no number of a model.
constexpr Range kEpochs{1, 1e6};
constexpr Range kBatch{1, 65536};
constexpr Range kRepeats{1, 1000};
constexpr Range kRetries{0, 1000};
constexpr Range kKept{1, 1000};
constexpr Range kExamples{1, 1e9};
constexpr Range kPixels{4, 1024};
constexpr Range kSides{1, 8192};
constexpr Range kRates{1, 1e6};
constexpr Range kWindows{1, 1e8};
constexpr Range kClasses{1, 1e6};
constexpr Range kShapes{1, 8};

constexpr const char* kSchedules = "alternating|simultaneous|extragradient";
constexpr const char* kFunctions = "{expression|{expression}}";
constexpr const char* kMetrics = "{metric}|[name]";
constexpr const char* kMinimize = "expression|minimize entry|[expression|minimize entry]";
constexpr const char* kBest = "lowest|highest";
constexpr const char* kAsInObjective = "as in `objective`";

/// The keys of a field: the eight sources first, of which a field has one, then what is said about
/// it.
std::vector<KeyRow> data_field_keys() {
    return {
        text("idx", kOptional, "path of an idx file, .gz or not; relative to the working directory",
             "source"),
        text("npy", kOptional, "path of an array of numbers that NumPy saved, .gz or not",
             "source"),
        text("npz", kOptional, "path of a file of several such arrays; `key` says which", "source"),
        text(
            "folder", kOptional,
            "path of a folder of pictures (PNG, JPEG; WebP, GIF, TIFF and BMP where gmc was built "
            "with their libraries), upright as EXIF says; its sub-folders, if it has them, are the "
            "classes",
            "source"),
        structure("csv", "name|csv", kOptional,
                  "a table in text, one example per row: `csv: FILE`, or `{file: FILE, ...}`",
                  "source"),
        structure("wav", "wav", kOptional, "sound in windows of [window, channels]", "source"),
        structure("synthetic", "name|synthetic", kOptional,
                  "examples made on the fly: `shapes`, `ring`, `{set: shapes, size: 28, ...}`",
                  "source"),
        text("labels_of", kOptional,
             "the classes of another field's examples, which is `synthetic` or a `folder`",
             "source"),
        text("key", kOptional, "npz: the array; not needed where there is only one"),
        word("layout", "channels_last", "channels_last|channels_first",
             "idx, npy, npz: how pictures lie in the array, [N, height, width, channels] or, as "
             "PyTorch has them, [N, channels, height, width]; the model sees channels last"),
        per_axis(2, "size", kOptional, kSides,
                 "folder: [height, width] that the pictures are made; without it, the classes of a "
                 "field that reads the same folder"),
        word("channels", "3", "1|3|4", "folder: grey, colour, or colour and alpha"),
        word("ground", "black", "black|white|grey",
             "folder: what transparent pictures are laid over where `channels` keeps no alpha"),
        word("order", "shared", "shared|own",
             "`own`: its examples are in no pairs with those of the other fields, as of another "
             "set of pictures; it may have more or fewer, and is gone through in an order of its "
             "own. An epoch is one pass over the fields that share theirs"),
        word("bad_files", "stop", "stop|skip",
             "folder: a picture that cannot be read ends the run, or is counted and left out; "
             "`skip` decodes all pictures before training, to find those"),
        word("crop", "center", "center|none",
             "folder: pictures of other proportions are cut, or stretched"),
        flag("flip", "false", "folder: half of the pictures, at random, are mirrored in training"),
        structure("range", "[number]", kOptional,
                  "[low, high] that stored bytes 0 to 255 are mapped to, [0, 1] when left out; "
                  "numbers of other types stay as they are: those of pictures have to lie in it, "
                  "others where it is given"),
        shape(
            "shape", kOptional,
            "shape of an example; read from the file when left out, which then has to exist; sizes "
            "of 1 may be added and dropped: [28, 28, 1] makes grey pictures of [N, 28, 28]"),
        integer(
            "classes", kOptional, kClasses,
            "the field holds labels 0 to classes - 1; of single labels found in the file when "
            "left out, which then has to exist. With a `shape` such as [64], or in a `csv`, each "
            "number of an example is a label, as in texts"),
        structure(
            "class_names", "[text]|text", kOptional,
            "what the classes of labels in a file are called, from class 0 on, or the path of "
            "a text file with a name in each line; they stand under pictures, and `gmrun "
            "sample --label` takes them"),
        integer("count", kOptional, kExamples, "use only so many examples"),
    };
}

std::vector<MappingRow> data_rows() {
    return {
        {"data field", data_field_keys(),
         "A field of `data`. Under `test`, range, shape, layout, classes, class_names, channels, "
         "crop, "
         "ground and bad_files are those of the field of that name."},
        {"csv",
         {
             text("file", kRequired, "path of the table, .gz or not"),
             structure("columns", "{name|csv column}", kOptional,
                       "what the columns of these names are (`c1`, `c2` where there is no header): "
                       "`number`, `category`, `ignore`, or more of it; the others are found"),
             word("header", "auto", "auto|present|none",
                  "whether the first row has the names; `auto`: if none of its cells is a number, "
                  "or "
                  "all of them count up"),
             text("separator", "auto",
                  "between cells: a character, `tab`, or `space` for one or more"),
             text("decimal", "auto", "before decimals: `.` or `,`"),
             text("quote", "\"", "around cells that hold separators"),
             word(
                 "missing", "refuse", "refuse|mask",
                 "cells that are empty, NA, NaN, null or ?, among numbers also `-`: an error, or 0 "
                 "with one more value behind the row that is 0, and 1 where there is something"),
             word("scale", "standard", "standard|range|none",
                  "numbers get mean 0 and deviation 1, are mapped to `range`, or stay"),
         },
         "A table. An example is the numbers and the categories, one-hot, in the order of the "
         "columns; `gmc check` prints which value is which. Means, deviations and categories are "
         "found in the training data when the model is compiled, and stay with it: `gmrun sample "
         "-o "
         "FILE.csv` gives names, units and categories back. In `test` only `file` is said."},
        {"csv column",
         {
             word("type", "auto", "auto|number|category|ignore",
                  "`auto`: numbers if all cells are"),
             word("scale", "standard", "standard|range|none", "when it is not that of the table"),
         },
         "A column of a table."},
        {"wav",
         {
             text("file", kOptional, "path of a file that libsndfile reads: WAV, FLAC, Ogg, ...",
                  "sound"),
             text("folder", kOptional, "path of a folder of them, at any depth", "sound"),
             integer("rate", kOptional, kRates, "frames per second that the files have"),
             integer("window", kOptional, kWindows, "frames of an example"),
             integer("hop", kOptional, kWindows,
                     "frames from the start of a window to that of the next; the window when left "
                     "out"),
             word("channels", "1", "1|2", "one is the mean of all that a file has"),
         },
         "Sound from -1 to 1. `gmrun sample -o FILE.wav` writes windows one after the other. Under "
         "`test`, what is left out is as in the field itself."},
        {"synthetic",
         {
             word("set", "shapes", "shapes|ring|grid|swiss_roll",
                  "`shapes`: pictures; points of the plane: `ring` of 8 Gaussians, `grid` of 25, "
                  "`swiss_roll`"),
             integer("size", "28", kPixels, "height and width of `shapes`"),
             word("channels", "1", "1|3", "`shapes` in grey or colour"),
             integer("classes", "8", kShapes, "how many kinds of `shapes`"),
         },
         "Examples made on the fly: filled circles, squares, triangles and the like, or points."},
    };
}

MappingRow weights_row() {
    return {
        "weights",
        {
            text("from", kOptional,
                 "a run's folder (`runs/classifier`), one of its checkpoints, or any safetensors "
                 "file; looked for beside the model file, then in the working directory"),
            name("network", kOptional,
                 "which network of the file, when it has another name there than here"),
            structure(
                "map", "{any}", kOptional,
                "name here: name in the file, of layers or of their parts, where they differ"),
            word("layout", "keras", "keras|pytorch",
                 "how the file's weights lie; `pytorch`: a `state_dict`, whose layers are paired "
                 "by name, else by shape and order"),
            flag("frozen", "false",
                 "training leaves the network as it is: entries of `minimize` do not train it, "
                 "and it computes as after training, without dropout, noise and batch statistics"),
            names("frozen_layers", kOptional,
                  "the same for these layers of it, or groups of layers, by the first parts of "
                  "their names (Mo et al. 2020)"),
        },
        "How a network begins. Every weight and statistic must be in the file, with its shape: "
        "`gmc check` and `gmc compile` look, and training looks again and refuses a file that has "
        "changed since. What the file has beside them is not used. A network with weights that no "
        "entry of `minimize` trains is frozen, whether it says so or not."};
}

MappingRow network_row() {
    return {
        "network",
        {
            name("role", "", "what a recipe knows this network as"),
            structure("inputs", "{shape|name}", kRequired,
                      "name: a shape such as [128], or `data.image` for the shape of that field"),
            structure("layers", "[layer]", kOptional, "the layers, in order"),
            structure("outputs", "{layer|[layer]}", kOptional,
                      "named results, each by layers after the last of `layers`; in expressions "
                      "`network(x).name`"),
            structure("weights", "weights", kOptional,
                      "the file that its weights come from; whether training changes them"),
        },
        "A network; its result is that of its last layer, unless it has `outputs`."};
}

MappingRow block_row() {
    return {
        "block",
        {
            text("description", kOptional, "what it is for; `gmc layers` prints it"),
            structure("parameters", "{any}", kOptional,
                      "name: default, or `name: null` for one that each use has to give"),
            structure("inputs", "name|[name]", kOptional,
                      "names for what the block is put upon by `from: [a, b]`, when it is more "
                      "than one thing"),
            structure("requires", "[requirement]", kOptional, "what its parameters have to be"),
            structure("layers", "[layer]", kRequired,
                      "the layers; `${name}` is a parameter, `from: input` what the block is put "
                      "upon"),
        },
        "A named list of layers. `- block: {parameters}` puts it in, with a `name` and `from` "
        "too."};
}
MappingRow requirement_row() {
    return {"requirement",
            {
                structure("condition", "expression", kRequired,
                          "true or a number other than 0, of parameters `${name}` and numbers"),
                text("message", kRequired, "what the block requires, as in `an odd kernel`"),
            },
            "A condition that each use of a block keeps, or else there is an error: `requires: "
            "[{condition: ${kernel} % 2 == 1, message: an odd kernel}]`."};
}

std::vector<MappingRow> model_rows() {
    return {
        {"model",
         {
             name("model", kOptional,
                  "the model's name; when left out, that of its file, also where the file "
                  "`extends` another"),
             text("description", "", "one line about it"),
             text("extends", kOptional,
                  "a model file, relative to this one, whose keys hold where this file gives none; "
                  "lists are replaced whole, `key: ~` removes one"),
             structure("replace", "text|[text]", kOptional,
                       "parts of the extended model that are left out, as in "
                       "`networks.encoder.inputs`; this file may give its own"),
             structure(
                 "import", "text|[text]", kOptional,
                 "files, relative to this one, or names of models/layers (`recurrent`), whose "
                 "`define` and `blocks` are added; two files may not define one name"),
             structure("variables", "{any}", kOptional,
                       "values for `${name}`; `--set name=value` replaces one"),
             structure("data", "data", kRequired,
                       "the fields of an example, and `test:` with the same fields"),
             structure("define", "{expression}", kOptional,
                       "functions of your own: `gumbel(x): -log(-log(uniform(x)))`; arguments are "
                       "tensors, results of networks, or names of networks"),
             structure("blocks", "{block}", kOptional,
                       "named lists of layers with parameters, used as layers"),
             structure("networks", "{network}", kOptional,
                       "the networks by name; a model of `parameters` alone has none"),
             structure("parameters", "{parameter}", kOptional,
                       "trained tensors by name; entries of `minimize` list them as networks"),
             structure("objective", "objective", kRequired, "what is minimized"),
             structure("train", "train", kOptional, "batch size, epochs, optimizer"),
         },
         "The file."},
        block_row(),
        requirement_row(),
        {"repeat",
         {
             integer("times", kRequired, kRepeats, "how often"),
             structure(
                 "layers", "[layer]", kRequired,
                 "the layers; `from: input` is what the first time is put upon, then what the "
                 "time before made"),
             flag("shared", "false",
                  "true: the same weights each time, in a loop, for which the layers have to keep "
                  "the shape; false: weights of its own each time"),
             name("name", kOptional, "a name that `from` can refer to"),
             structure("from", "name|[name]", kOptional, "what it is put upon"),
         },
         "A layer that puts a list of layers upon itself: `- repeat: {times: 8, layers: "
         "[...]}`."},
        network_row(),
        weights_row(),
        {"parameter", tensor_keys(kOptional, "normal"),
         "A trained tensor outside of networks. Its name stands for it in every expression."},
    };
}

MappingRow loop_row() {
    return {
        "loop",
        {
            structure(
                "start", "expression|{expression}", kRequired,
                "the value before the first pass, which has the loop's name; or several: "
                "`{h: ..., c: ...}`. A number takes the shape that `next` has, and what is no "
                "example's, such as a parameter, begins each"),
            structure("times", "expression", kOptional, "how many passes, from 1 to 1,000,000"),
            structure("over", "{expression}", kOptional,
                      "name: sequence; a pass for each element of the sequence, which it sees as "
                      "`name`: element 0 of the first axis of each example, element 1, ..."),
            name("index", kOptional, "a name for the number of the pass, from 0"),
            structure("let", "{expression|loop}", kOptional,
                      "name: expression, computed in each pass; each sees those above it"),
            structure("next", "expression|{expression}", kRequired,
                      "the value after the pass, or as many as `start` has"),
            flag("collect", "false",
                 "the loop's value is that after each pass, along a new first axis of the example; "
                 "false: after the last pass"),
        },
        "A value that passes change, one after another: `x: {start: normal(image), times: 50, "
        "index: i, next: x + net(x, i / 50) / 50}`. An entry of `let` that `next` uses is "
        "computed once, before the first pass; random numbers in `next` are new in each. "
        "Gradients flow through all passes, at the cost of keeping the values of each. `- loop: "
        "{name: h, ...}` is a layer: its expressions see the layers and inputs before it; with "
        "several values, `h.a` is one of them and `h` the first."};
}
MappingRow state_row() {
    std::vector<KeyRow> keys = tensor_keys(kOptional, kOptional);
    keys.push_back(number("start", "0", kAnyNumber, "first value, where there is no initializer"));
    keys.push_back(flag("per_example", "false",
                        "true: one for each place in the batch, so that it meets the examples of a "
                        "batch one by one; false: one for all"));
    keys.push_back(
        structure("update", "expression", kRequired,
                  "the value after a step, of the shape of the state or a number. It is computed "
                  "with the last entry of `minimize`, before that moves its networks; all states "
                  "change at the end of the step"));
    return {"state", std::move(keys),
            "A tensor that training replaces without gradients: `state: {k: {update: clamp(k + "
            "0.001 * balance, 0, 1)}}`. It is saved and resumed with the weights; outside of "
            "training it stays as it is."};
}

constexpr const char* kAboutFunctions =
    "name(parameters): expression, or a map of them; what gmrun calls. A parameter is the data "
    "field of its name; or drawn as the `let` of its name says (where that is more than a call of "
    "normal or uniform, the input is its noise, NAME_noise); or noise like the network input of "
    "its name. For labels `gmrun sample` asks for each class in turn";

MappingRow minimize_row() {
    return {
        "minimize entry",
        {
            names("networks", kOptional,
                  "the networks and `parameters` that are updated; when left out, all that no "
                  "other entry lists and that are not frozen"),
            expression("loss", kRequired, "the number to minimize"),
            structure("metrics", kMetrics, kOptional, kAsInObjective),
            structure("optimizer", "name|optimizer", kOptional, "when it is not that of `train`"),
            integer("repeat", "1", kRepeats, "updates per step"),
            integer("accumulate", kOptional, kRepeats, "when it is not that of `train`"),
            expression("average", kOptional, kDecay,
                       "decay of a moving average of the networks' weights, as in 0.999, moved "
                       "after each update; `averaged(x)` reads it. A number d is min(d, (1 + "
                       "step) / (10 + step)), as TensorFlow's ExponentialMovingAverage has it with "
                       "`num_updates`, so that short runs do not average the first weights; what "
                       "changes with `step` or `epoch` is taken as it is"),
            flag("average_statistics", "false",
                 "`average` is that of the running statistics of batch norm, too"),
            name("name", kOptional, "for metrics; the networks joined by _ when left out"),
        },
        "One entry of `minimize`."};
}

std::vector<MappingRow> objective_rows() {
    return {
        {"objective",
         {
             name("recipe", kOptional, "a file of models/recipes that gives what follows"),
             structure("let", "{expression|loop}", kOptional, "name: expression or loop"),
             structure("state", "{state}", kOptional,
                       "tensors that each step replaces, such as a running mean"),
             structure("minimize", kMinimize, kOptional,
                       "what is minimized, and by which networks; an entry that says nothing else "
                       "is its loss alone, as in `minimize: reconstruction + kl`"),
             word("schedule", kOptional, kSchedules,
                  "`alternating` (the default): entry after entry; `simultaneous`: one forward "
                  "pass, then all updates; `extragradient`: a simultaneous update to where the "
                  "game leads, then one from before it, with the gradients of there and the next "
                  "batch (Gidel et al. 2019)"),
             structure("metrics", kMetrics, kOptional,
                       "name: expression, or a set of names of `let`; measured in training and by "
                       "eval"),
             structure("units", "{text}", kOptional,
                       "name of a loss or metric: what it is counted in, as in `kl: nats per "
                       "example`; printed behind the figure"),
             structure("functions", kFunctions, kOptional, kAboutFunctions),
         },
         "What is minimized. Beside `recipe`, its parameters and roles are keys; `let`, `state`, "
         "`metrics`, `units` and `functions` add to the recipe's or replace one by name."},
        loop_row(),
        state_row(),
        minimize_row(),
        {"recipe",
         {
             name("recipe", kRequired, "its name, that of the file"),
             text("description", "", "one line about it"),
             structure("parameters", "{any}", kOptional,
                       "name: default, `name: null` for one that has to be given, `name: {words: "
                       "[a, b], default: a}` for a choice"),
             structure("roles", "{name}", kRequired, "role: one line about what the network does"),
             structure("choose", "{{recipe part}}", kOptional,
                       "parameter: {word: parts of a recipe that hold when it is chosen}"),
             structure("let", "{expression}", kOptional, kAsInObjective),
             structure("state", "{state}", kOptional, kAsInObjective),
             structure("minimize", kMinimize, kOptional, kAsInObjective),
             word("schedule", kOptional, kSchedules, kAsInObjective),
             structure("metrics", kMetrics, kOptional, kAsInObjective),
             structure("units", "{text}", kOptional, kAsInObjective),
             structure("functions", kFunctions, kOptional, kAsInObjective),
         },
         "A file of models/recipes. In its expressions a role stands for the network that plays "
         "it, a parameter for its value."},
        {"recipe part",
         {
             structure("let", "{expression}", kOptional, "added"),
             structure("state", "{state}", kOptional, "added"),
             structure("minimize", kMinimize, kOptional, "replaces the list"),
             word("schedule", kOptional, kSchedules, "replaces the word"),
             structure("metrics", kMetrics, kOptional, "added"),
             structure("units", "{text}", kOptional, "added"),
             structure("functions", kFunctions, kOptional, "added"),
         },
         "What a choice adds to a recipe."},
        {"recipe choice",
         {
             structure("words", "[name]", kRequired, "the words that may be chosen"),
             name("default", kOptional, "the word when none is given"),
         },
         "A parameter that is one of several words."},
    };
}

std::vector<MappingRow> train_rows() {
    return {
        {"train",
         {
             integer("batch_size", "128", kBatch, "examples per step"),
             integer("accumulate", "1", kRepeats,
                     "batches per update: it follows the mean of their gradients, as of one batch "
                     "so many times as large, in the memory of one. `step`, schedules and averages "
                     "count updates; running statistics and `state` move with every batch, and "
                     "losses and metrics are means over the batches"),
             integer("epochs", "10", kEpochs, "passes over the data"),
             structure("optimizer", "name|optimizer", kOptional,
                       "`adam`, `{adam: {...}}`, `{sgd: {...}}` and so on; adam when left out"),
             expression(
                 "average", kOptional, kDecay,
                 "decay of moving averages of all networks' weights, each moved by the first "
                 "entry of `minimize` that trains it; an entry's own `average` comes first"),
             flag("average_statistics", "false",
                  "averages are those of the running statistics of batch norm, too"),
             structure("validate", "name|number", kOptional,
                       "losses and metrics after each epoch: of `test`, the test data, or of a "
                       "share of the training data such as 0.1, which is then not trained on; each "
                       "example is drawn on its own, so the share is only approximate, and an "
                       "example keeps its side when others are added"),
             structure("early_stopping", "early stopping", kOptional,
                       "ends training when a figure of validation gets no better"),
             structure("keep", "keep", kOptional, "which checkpoints are kept"),
             text("checkpoint_every", kOptional,
                  "`500 steps` or `10 minutes`: checkpoints beside those at the ends of epochs"),
             word("on_divergence", "stop", "stop|rollback|lower_rate",
                  "when a number is not finite: end; go back to the last checkpoint at the end of "
                  "an "
                  "epoch or a pace in steps, and leave out the batches since; the same with "
                  "updates half as large from there on"),
             integer("retries", "3", kRetries, "how often it goes back before training ends"),
         },
         "How it is trained."},
    };
}

std::vector<MappingRow> run_rows() {
    return {
        {"early stopping",
         {
             name("metric", kRequired, "a loss or metric, as `gmrun eval` names it"),
             integer("patience", "5", kEpochs, "epochs without a better value"),
             word("best", "lowest", kBest, "which value is the best"),
         },
         "Watches a figure of validation."},
        {"keep",
         {
             integer("last", "1", kKept, "the last checkpoints, in the run's `checkpoints/`"),
             name("best", kOptional, "and that with the best value of this figure of validation"),
             word("of", "lowest", kBest, "which value is the best"),
         },
         "Which checkpoints are kept."},
    };
}

std::vector<MappingRow> make_mapping_table() {
    std::vector<MappingRow> table = model_rows();
    for (const auto& rows : {data_rows(), objective_rows(), train_rows(), optimizer_rows(),
                             run_rows(), schedule_rows()})
        table.insert(table.end(), rows.begin(), rows.end());
    return table;
}

}  // namespace

const std::vector<MappingRow>& mapping_table() {
    static const std::vector<MappingRow> kTable = make_mapping_table();
    return kTable;
}

}  // namespace gmc::dsl
