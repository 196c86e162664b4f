// Makes batches of samples from noise and labels. Enters: a model and the name of one of its
// functions. Leaves: batches in the function's own memory.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/data/input_setting.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct SamplerOptions {
    std::string function = "sample";
    uint64_t seed = 1;
    /// The class of every sample; without it, sample i is asked to be of class i mod classes.
    std::optional<int64_t> label;
    /// The values of other data fields in samples.
    std::vector<InputSetting> settings = {};
    /// How many samples will be drawn, as far as that is known.
    int64_t count = std::numeric_limits<int32_t>::max();
};

/// Fills the inputs of data fields that `settings` name: row r as in sample (first + r) / repeat.
void set_conditions(const Executable& executable, const std::vector<InputSetting>& settings,
                    int64_t first, int64_t repeat);

/// Settings for the numbers that the function takes and `given` does not set: the first goes
/// through the range that it has in the training data (`ranges`, by field) in 8 steps, the others
/// are in the middle of theirs. A field of several numbers has no usual setting.
std::vector<InputSetting> usual_settings(const ir::Module& module, const ir::Function& function,
                                         const std::map<std::string, ValueRange>& ranges,
                                         const std::vector<InputSetting>& given);

/// The same for all of `count` samples, as values that stay.
std::vector<Condition> conditions_of(const std::vector<InputSetting>& settings, int64_t count,
                                     int64_t repeat);

/// The fields of labels that a function takes and `settings` do not set; their classes are known.
std::vector<const ir::DataField*> label_inputs(const ir::Module& module,
                                               const ir::Function& function,
                                               const std::vector<InputSetting>& settings);
/// The classes that samples go through: those of the field, of several, that has the fewest. None
/// where there is no field.
LabelClasses classes_of(const std::vector<const ir::DataField*>& labels);

/// Runs a function of a model batch after batch. Sample i depends on the seed and i only, up to the
/// last bits, which may differ with the number of rows that are computed together. (If the function
/// itself draws random numbers, it also depends on the model's batch size.)
class Sampler {
  public:
    /// Errors: an unknown function; kWrongType for one that does not give a batch of examples, or
    /// takes data other than labels; kBadValue for a label when the function takes none, or of a
    /// class that does not exist.
    static Result<Sampler> make(LoadedModel& model, const SamplerOptions& options,
                                Diagnostics& diagnostics);

    /// Whether all inputs of the function are noise, labels whose number of classes is known, or
    /// fields that are set.
    static bool can_sample(const LoadedModel& model, const ir::Function& function,
                           const std::vector<InputSetting>& settings = {});

    /// The number of classes that the function can be asked for; 0 when it takes no label.
    int64_t classes() const { return classes_; }
    /// The field of labels that these are classes of: of several, the one with the fewest.
    const std::string& class_field() const { return class_field_; }
    /// All fields of labels that the function can be asked for classes of.
    const std::vector<LabelClasses>& asked() const { return asked_; }
    /// The type of a batch: [rows, ...].
    const ir::Type& type() const { return executable_->result_type(0); }
    /// Makes the next batch, of which `wanted` samples will be looked at. Returns how many of these
    /// it holds: `wanted` or fewer. Errors: those of LoadedModel::function_for.
    Result<int64_t> next(int64_t wanted, Diagnostics& diagnostics);
    /// The batch that next() made, row-major. Valid until another function of the model runs.
    const float* batch() const { return executable_->result(0); }
    /// The class that sample i is asked to be of.
    int64_t label_of(int64_t sample) const {
        return options_.label ? *options_.label : sample % classes_;
    }

  private:
    Sampler(LoadedModel& model, SamplerOptions options, Executable& executable,
            const std::vector<const ir::DataField*>& labels)
        : model_(&model),
          options_(std::move(options)),
          executable_(&executable),
          classes_(classes_of(labels).count),
          class_field_(classes_of(labels).field) {
        for (const ir::DataField* field : labels)
            asked_.push_back({field->label_classes(), field->name});
    }

    LoadedModel* model_;
    SamplerOptions options_;
    Executable* executable_;
    int64_t classes_;
    std::string class_field_;
    std::vector<LabelClasses> asked_;
    int64_t next_ = 0;
};

}  // namespace gmc::runtime
