// What a compiled model tells the runtime beside its functions: the data that it was compiled for,
// how it is trained, and how it was compiled. Each struct is one line of the IR text (`data`,
// `test`, `network`, `train`, `rate_end`, `run`, `schedule`, `compile`, `origin`, `layer`); printer
// and parser follow from `fields()`, as they do for ops. verify_contract.cpp says what the values
// must be.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "compiler/ir/ops.h"
#include "compiler/ir/type.h"

namespace gmc::ir {

/// Where the runtime takes an input of a function from.
struct InputSource {
    enum class Kind : uint8_t {
        kData,      ///< `data.image`: a field of the data, one example per row
        kNormal,    ///< standard normal noise; row i is a function of the seed and example i
        kUniform,   ///< the same, uniform in [0, 1)
        kValid,     ///< 1 for rows that are examples, 0 for those that pad a last batch
        kTotal,     ///< `total.sum.0`: that result of @evaluate, summed over all batches
        kLargest,   ///< `largest.max.0`: the same, the largest
        kLogSum,    ///< `logsum.logsum.0`: the same, the logarithm of the sum of their exp
        kArgument,  ///< the caller sets it
        // Of bodies of scans (scan.h), in this order:
        kCarried,   ///< a result of the pass before; in the first pass, an operand of the scan
        kElement,   ///< of a sequence, the element of this pass
        kCaptured,  ///< the same in every pass
    };
    Kind kind = Kind::kArgument;
    std::string field;  ///< of kData; the result of kTotal, kLargest and kLogSum

    static InputSource data(std::string field) { return {Kind::kData, std::move(field)}; }
    bool is_data() const { return kind == Kind::kData; }
    /// Whether its value is known only after @evaluate has run over all of the data.
    bool is_of_set() const {
        return kind == Kind::kTotal || kind == Kind::kLargest || kind == Kind::kLogSum;
    }
    bool is_noise() const { return kind == Kind::kNormal || kind == Kind::kUniform; }
    friend bool operator==(const InputSource&, const InputSource&) = default;
};
/// "data.image", "normal", "uniform", "valid", "total.sum.0", "largest.max.0",
/// "logsum.logsum.0", "argument", "carried", "element" or "captured".
std::string to_string(const InputSource& source);
/// The source that a text such as "data.image" names; none when it names none.
std::optional<InputSource> input_source(std::string_view text);

/// [low, high]
struct Interval {
    double low = 0, high = 1;
    friend bool operator==(const Interval&, const Interval&) = default;
};

/// The formats of data, e.g. "idx". "labels" are the classes of another field's examples.
std::span<const std::string_view> data_formats();

/// One field of the training or the test data:
///   data @image : f32[28,28,1] = folder "pictures" {range=[-1,1], flip=true}
struct DataField {
    std::string name;
    Shape shape;                 ///< of one example, channels last; {} for labels
    std::string format = "idx";  ///< one of data_formats()
    /// A path, the name of a synthetic set, or the field whose examples these are the labels of.
    std::string source;
    std::string key;  ///< npz: the array
    Interval range;   ///< what bytes are scaled into; other numbers must lie in it
    /// False: the range is a guess, which scales bytes and pictures but restricts nothing else.
    bool range_given = false;
    int64_t count = 0;  ///< use the first so many examples; 0 = all that there are
    int64_t first = 0;  ///< synthetic: the number of the first example
    /// Labels are 0 .. classes - 1; of pictures or points, how many kinds there are; 0 = unknown.
    int64_t classes = 0;
    /// Of labels from a folder: its sub-folders when the model was compiled; {} = not known.
    std::vector<std::string> class_names;
    bool channels_first = false;  ///< idx, npy, npz: stored as [N, channels, height, width]
    bool crop = true;             ///< folder: pictures are cut to the shape; false: stretched
    bool flip = false;      ///< folder: half of the pictures, at random, are mirrored in training
    bool skip_bad = false;  ///< folder: pictures that cannot be read are left out
    /// Folder: the grey that transparent pictures are laid over, 0 to 255; -1: none is given.
    int64_t ground = -1;
    std::string table;  ///< csv: what the columns mean, a runtime::Table as text
    int64_t rate = 0;   ///< wav: frames per second
    int64_t hop = 0;    ///< wav: frames from the start of a window to that of the next
    /// Not the same examples as those of other fields: it has a length and an order of its own.
    bool own_order = false;

    /// How many classes the field's values name; 0 for a field that holds no labels.
    int64_t label_classes() const { return shape.empty() ? classes : 0; }
    static constexpr auto fields() {
        return std::tuple{field("key", &DataField::key),
                          field("range", &DataField::range),
                          field("range_given", &DataField::range_given),
                          field("count", &DataField::count),
                          field("first", &DataField::first),
                          field("classes", &DataField::classes),
                          field("class_names", &DataField::class_names),
                          field("channels_first", &DataField::channels_first),
                          field("crop", &DataField::crop),
                          field("flip", &DataField::flip),
                          field("skip_bad", &DataField::skip_bad),
                          field("ground", &DataField::ground),
                          field("table", &DataField::table),
                          field("rate", &DataField::rate),
                          field("hop", &DataField::hop),
                          field("own_order", &DataField::own_order)};
    }
    friend bool operator==(const DataField&, const DataField&) = default;
};

/// One layer of a network, for people who look at a model; nothing is computed from it. Its states
/// are those whose names go on with another dot: `encoder.conv2d.kernel`.
///   layer @encoder.conv2d : f32[14,14,16] = conv2d
struct Layer {
    std::string name;  ///< NETWORK.LAYER
    std::string kind;  ///< the language's word for it
    Shape shape;       ///< of what it gives, per example
};

/// A network that training leaves as it is, or whose weights come from a file. Its states are those
/// whose names begin with its own and a dot.
///   network @features {frozen=true, weights="runs/classifier", source="net", checksum="9a01bc02"}
struct Network {
    std::string name;
    bool frozen = false;  ///< no function updates its parameters and statistics
    std::string weights;  ///< a safetensors file or a run's folder; "": it has initializers
    std::string layout = "keras";  ///< of the file: one of runtime::weight_layouts()
    std::string source;            ///< the network's name in the file; "": names there have none
    /// "ours=theirs": layers, or their parts, that have other names in the file.
    std::vector<std::string> map;
    std::string checksum;  ///< CRC-32 of the file when the model was compiled, 8 hexadecimal digits
    static constexpr auto fields() {
        return std::tuple{field("frozen", &Network::frozen), field("weights", &Network::weights),
                          field("layout", &Network::layout), field("source", &Network::source),
                          field("map", &Network::map),       field("checksum", &Network::checksum)};
    }
    friend bool operator==(const Network&, const Network&) = default;
};

/// How the model is trained:
///   train {batch_size=128, epochs=10}
struct Training {
    int64_t batch_size = 1;  ///< rows of every input of data and noise
    int64_t epochs = 1;
    static constexpr auto fields() {
        return std::tuple{field("batch_size", &Training::batch_size),
                          field("epochs", &Training::epochs)};
    }
    friend bool operator==(const Training&, const Training&) = default;
};

/// Of a learning rate whose schedule comes to an end, behind which weights hardly move:
///   rate_end {networks=["generator"], epochs=5, at="model.yaml:12:9"}
struct RateEnd {
    std::vector<std::string> networks;  ///< that it trains; {}: all that are trained
    double epochs = 0, steps = 0;       ///< after so many; one of the two is 0
    double rate = 0;                    ///< from then on
    std::string at;                     ///< where the schedule stands: "FILE:LINE:COLUMN"
    static constexpr auto fields() {
        return std::tuple{field("networks", &RateEnd::networks), field("epochs", &RateEnd::epochs),
                          field("steps", &RateEnd::steps), field("rate", &RateEnd::rate),
                          field("at", &RateEnd::at)};
    }
    friend bool operator==(const RateEnd&, const RateEnd&) = default;
};

/// Which data a figure of @evaluate depends on, where the fields are of several sets of data; the
/// functions say no more once networks are applied to several of them at once:
///   figure_fields {figure="loss", of=["photo", "painting"]}
struct FigureFields {
    std::string figure;
    std::vector<std::string> of;  ///< fields of the data; {}: none
    static constexpr auto fields() {
        return std::tuple{field("figure", &FigureFields::figure), field("of", &FigureFields::of)};
    }
    friend bool operator==(const FigureFields&, const FigureFields&) = default;
};

/// Which data a result of a function is like, where several fields have its shape. Those that
/// show, write or measure the result take range, columns and rate from this field (field_like in
/// module.h):
///   result_like {function="sample", result="sample", field="painting"}
struct ResultLike {
    std::string function, result;
    std::string field;
    static constexpr auto fields() {
        return std::tuple{gmc::ir::field("function", &ResultLike::function),
                          gmc::ir::field("result", &ResultLike::result),
                          gmc::ir::field("field", &ResultLike::field)};
    }
    friend bool operator==(const ResultLike&, const ResultLike&) = default;
};

/// A number of training that changes with the step or the epoch, and may come to be what it must
/// not be. Where there are any, the function @bounds has their values as results:
///   bound {result="bound_0", what="`momentum`", low=0, high=1, open_high=true, at="m.yaml:12:9"}
struct Bound {
    std::string result, what;
    double low = 0, high = 0;
    bool open_low = false, open_high = false;  ///< the limit itself is not allowed
    std::string rule;                          ///< the same in words
    std::string at;                            ///< where it is written: "FILE:LINE:COLUMN"
    bool holds(double value) const {
        return (open_low ? value > low : value >= low) &&
               (open_high ? value < high : value <= high);
    }
    static constexpr auto fields() {
        return std::tuple{
            field("result", &Bound::result),     field("what", &Bound::what),
            field("low", &Bound::low),           field("high", &Bound::high),
            field("open_low", &Bound::open_low), field("open_high", &Bound::open_high),
            field("rule", &Bound::rule),         field("at", &Bound::at)};
    }
    friend bool operator==(const Bound&, const Bound&) = default;
};

/// How a run looks after itself. What is at its default is off:
///   run {keep_last=3, keep_best="negative_elbo", on_divergence="rollback", validate_share=0.1}
struct RunPolicy {
    int64_t keep_last = 1;         ///< how many of the last checkpoints are kept
    std::string keep_best;         ///< and the one with the best value of this validation figure
    bool best_is_highest = false;  ///< which value of keep_best is best; false: the lowest
    int64_t checkpoint_steps = 0;  ///< a checkpoint after so many steps; 0: after epochs only
    double checkpoint_seconds = 0;
    std::string on_divergence = "stop";  ///< one of divergence_actions()
    int64_t retries = 3;                 ///< rollbacks before the run ends
    bool validate_test = false;          ///< figures of the test data after each epoch
    double validate_share = 0;           ///< or of this share of the training data, kept out of it
    std::string stopping_metric;         ///< "": training goes on to its last epoch
    bool stopping_is_highest = false;
    int64_t patience = 0;  ///< epochs without a better value of stopping_metric
    static constexpr auto fields() {
        return std::tuple{field("keep_last", &RunPolicy::keep_last),
                          field("keep_best", &RunPolicy::keep_best),
                          field("best_is_highest", &RunPolicy::best_is_highest),
                          field("checkpoint_steps", &RunPolicy::checkpoint_steps),
                          field("checkpoint_seconds", &RunPolicy::checkpoint_seconds),
                          field("on_divergence", &RunPolicy::on_divergence),
                          field("retries", &RunPolicy::retries),
                          field("validate_test", &RunPolicy::validate_test),
                          field("validate_share", &RunPolicy::validate_share),
                          field("stopping_metric", &RunPolicy::stopping_metric),
                          field("stopping_is_highest", &RunPolicy::stopping_is_highest),
                          field("patience", &RunPolicy::patience)};
    }
    bool validates() const { return validate_test || validate_share > 0; }
    friend bool operator==(const RunPolicy&, const RunPolicy&) = default;
};

/// What may happen when a number is not finite: "stop", "rollback", "lower_rate".
std::span<const std::string_view> divergence_actions();

/// Where a module comes from, so that a run can say what it is and refuse another model's
/// checkpoint:
///   origin {model="93ab...", data="11f0...", settings=["latent=32"], texts=["model: ..."]}
struct Origin {
    std::string model, data;            ///< hashes of what it computes, and of its data's names
    std::vector<std::string> settings;  ///< of the command line: --set
    std::vector<std::string> texts;     ///< of Module::files
    /// In a file only: the checksum of its other lines, by which a changed module is known.
    std::string rest;
    /// What `model` begins with where a module was read that is not as it was compiled.
    static constexpr const char* kChanged = "changed ";
    static constexpr auto fields() {
        return std::tuple{field("model", &Origin::model), field("data", &Origin::data),
                          field("settings", &Origin::settings), field("texts", &Origin::texts),
                          field("rest", &Origin::rest)};
    }
    friend bool operator==(const Origin&, const Origin&) = default;
};

/// One function of a training step:
///   schedule @step_critic*5 @step_generator_every_16/16 @step_generator
struct ScheduleEntry {
    std::string function;
    int64_t repeat = 1;  ///< so many calls, each with a batch of its own
    /// Above 1: in each step whose number it divides, the entry stands in for those behind it up to
    /// the next one with 1, that one included. In all other steps it is left out.
    int64_t every = 1;
    friend bool operator==(const ScheduleEntry&, const ScheduleEntry&) = default;
};

/// The entries that run in step number `step`, counted from 0.
std::vector<const ScheduleEntry*> entries_of_step(const std::vector<ScheduleEntry>& schedule,
                                                  int64_t step);

/// What the passes were asked for:
///   compile {precision=bf16, memory_limit=67108864, shards=16, shard_sums=bf16}
struct Compilation {
    DType precision = DType::kF32;  ///< bf16: contractions and what lies between them
    int64_t memory_limit = 0;       ///< bytes of a function's values; 0 = no limit
    /// Training computes the batch as so many shards, which processes can share: a power of two;
    /// 0 = as a whole.
    int64_t shards = 0;
    DType shard_sums = DType::kF32;  ///< bf16: the large sums of shards, such as gradients
    static constexpr auto fields() {
        return std::tuple{field("precision", &Compilation::precision),
                          field("memory_limit", &Compilation::memory_limit),
                          field("shards", &Compilation::shards),
                          field("shard_sums", &Compilation::shard_sums)};
    }
    friend bool operator==(const Compilation&, const Compilation&) = default;
};

/// Whether `networks` has one of that name that is frozen.
bool is_frozen(const std::vector<Network>& networks, std::string_view name);

/// The field of that name; null when there is none.
const DataField* find_field(const std::vector<DataField>& fields, std::string_view name);

}  // namespace gmc::ir
