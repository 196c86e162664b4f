// Batches of what a model makes of noise and labels.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct SamplerOptions {
    std::string function = "sample";
    uint64_t seed = 1;
    /// The class of every sample; without it sample i is asked to be of class i mod classes.
    std::optional<int64_t> label;
};

/// Runs a function of a model batch after batch. Sample i depends on the seed and i only (and on
/// the model's batch size where the function itself draws random numbers).
class Sampler {
  public:
    /// Errors: an unknown function; one that makes no batch of examples, or takes data that are no
    /// labels (kWrongType); a label where the function takes none, or of a class that does not
    /// exist (kBadValue).
    static Result<Sampler> make(LoadedModel& model, const SamplerOptions& options,
                                Diagnostics& diagnostics);

    /// Whether all inputs of the function are noise, or labels whose classes are known.
    static bool can_sample(const LoadedModel& model, const ir::Function& function);

    /// Classes that the function may be asked for; 0 when it takes no label.
    int64_t classes() const { return classes_; }
    /// The type of a batch: [batch size, ...].
    const ir::Type& type() const { return executable_->result_type(0); }
    /// Makes the next batch.
    void next();
    /// The batch that next() made, row-major; good until anything else of the model runs.
    const float* batch() const { return executable_->result(0); }
    /// The class that sample i is asked to be of.
    int64_t label_of(int64_t sample) const {
        return options_.label ? *options_.label : sample % classes_;
    }

  private:
    Sampler(LoadedModel& model, SamplerOptions options, Executable& executable, int64_t classes)
        : model_(&model),
          options_(std::move(options)),
          executable_(&executable),
          classes_(classes) {}

    LoadedModel* model_;
    SamplerOptions options_;
    Executable* executable_;
    int64_t classes_;
    int64_t next_ = 0;
};

}  // namespace gmc::runtime
