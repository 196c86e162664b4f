// What is done with trained states: evaluation, sampling, reconstruction, encoding. Enters: a
// LoadedModel. Leaves: numbers and tensors in memory; the commands write them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct SamplerOptions;

/// A field of labels, and how many classes it has.
struct LabelClasses {
    int64_t count = 0;
    std::string field;
};

/// What a field of the data was in each example that was made.
struct Condition {
    std::string field;
    std::vector<float> values;  ///< of the first example, of the second, ...
};

/// A tensor of examples in memory, row-major.
struct Examples {
    ir::Shape shape;  ///< [N, ...]
    std::vector<float> values;
    /// Example i was asked to be of class i mod classes. 0 when no class was asked for, or one
    /// class for all.
    int64_t classes = 0;
    std::string class_field = {};  ///< the field of labels that these are classes of
    /// All fields of labels that the examples were asked to be of classes of, that one among them.
    std::vector<LabelClasses> asked = {};
    bool several_labels = false;  ///< the function takes more than one, `conditions` included
    /// The data field that they are like (ir::field_like): its range, columns, rate; "": none.
    std::string like = {};
    /// The one class that all of them were asked to be of.
    std::optional<int64_t> label = {};
    /// What the fields were that --set-input named.
    std::vector<Condition> conditions = {};
    /// The class that example i was asked to be of; nothing when no class was asked for.
    std::optional<int64_t> class_of(int64_t i) const {
        return label || classes == 0 ? label : std::optional<int64_t>(i % classes);
    }
    /// The same of one of the fields `asked`.
    int64_t class_of(const LabelClasses& of, int64_t i) const {
        return label ? *label : i % of.count;
    }
    /// "examples of shape [28, 28, 1]", for messages.
    std::string described() const;
    int64_t count() const { return shape.empty() ? 0 : shape[0]; }
};

struct EvaluationResult {
    int64_t examples = 0;  ///< of the fields that share their order
    /// Of each set of data: its fields, and how many examples it has. More than one only with
    /// fields in an order of their own.
    std::vector<std::pair<std::vector<std::string>, int64_t>> sets;
    /// Figures of several sets of different length, which begin the shorter ones again.
    std::vector<std::string> of_several;
    /// Every loss and metric by name: the mean over all examples. For figures that are no mean of
    /// examples (a root, a variance, a maximum), it is the value that all data would give as one
    /// batch (dsl/lower/set_figures.h).
    std::vector<std::pair<std::string, double>> values;
};

/// Runs `evaluate` once over all examples of the split. Averages are exact: the padding of the last
/// batch does not count. `seed` is that of random ops. Of data sets with a length of their own
/// (`order: own`), a figure covers exactly the one that it depends on; one that depends on several
/// goes through the longest of them.
Result<EvaluationResult> evaluate(LoadedModel& model, DataSplit split, uint64_t seed,
                                  Diagnostics& diagnostics);

/// The same over all examples of a loader that evaluates (LoaderMode::kEvaluate), once.
Result<EvaluationResult> evaluate(LoadedModel& model, Loader& loader, uint64_t seed,
                                  Diagnostics& diagnostics);

/// Whether memory has room for `rows` results of a type, of the function `what`; else kTooLarge.
[[nodiscard]] bool has_room_for(int64_t rows, const ir::Type& type, const std::string& what,
                                Diagnostics& diagnostics);

/// The first result of the function `name` for the noise of examples first, first + 1, ...; `count`
/// rows. Labels and errors as in SamplerOptions (sampler.h).
Result<Examples> generate(LoadedModel& model, const std::string& name, int64_t count, uint64_t seed,
                          Diagnostics& diagnostics);
/// The same with labels and conditions.
Result<Examples> generate(LoadedModel& model, const SamplerOptions& options, int64_t count,
                          Diagnostics& diagnostics);

/// The first `count` examples of the split, of the field that the function takes (of several the
/// one that its result is like, or that has its shape), and the first result of `name` applied to
/// them.
struct Reconstruction {
    Examples originals, reconstructions;
};
Result<Reconstruction> reconstruct(LoadedModel& model, const std::string& name, DataSplit split,
                                   int64_t count, uint64_t seed, Diagnostics& diagnostics);

/// Every result of the function `name` for the first `count` examples of the split (0: all), by
/// name. Errors: kWrongType for a function that takes no data or does not give a batch of examples.
Result<std::vector<std::pair<std::string, Examples>>> encode(LoadedModel& model,
                                                             const std::string& name,
                                                             DataSplit split, int64_t count,
                                                             uint64_t seed,
                                                             Diagnostics& diagnostics);

/// The executable, for `wanted` examples at least or for a batch of training (see
/// LoadedModel::function_for), of a function whose results all have one row per example; null after
/// an error.
Executable* batch_function(LoadedModel& model, const std::string& name, int64_t wanted,
                           Diagnostics& diagnostics);
/// The number of rows that each call of such an executable computes.
int64_t rows_of(const Executable& executable);
/// The name of the data field that a result of the function is like; "" where there is none.
std::string name_of_like(const LoadedModel& model, const std::string& function, size_t result = 0);
/// Appends the first `rows` rows of a batch of `type`.
void append_rows(const float* batch, const ir::Type& type, int64_t rows, Examples& out);

}  // namespace gmc::runtime
