// A compiled model in memory: module, states, and its functions bound to this machine when first
// asked for.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/data/field_source.h"
#include "runtime/data/loader.h"
#include "runtime/program/executable.h"

namespace gmc::runtime {

/// Which data a function reads.
enum class DataSplit { kTrain, kTest };

class LoadedModel {
  public:
    /// Reads and verifies a .gmc. Errors: those of ir::read_artefact; kTooLarge when memory is
    /// missing. Nothing is bound and the states are zero.
    static Result<std::unique_ptr<LoadedModel>> load(const std::string& path,
                                                     Diagnostics& diagnostics);
    ~LoadedModel();

    const ir::Module& module() const { return module_; }
    const std::string& path() const { return path_; }
    StateStore& states() { return *states_; }
    Arena& arena() { return *arena_; }
    /// Moves 2 MB of states or arena to a huge page; false when there are no small pages left.
    bool make_huge() { return states_->make_huge() || arena_->make_huge(); }

    /// The function's executable, bound on first use; null after an error. Unknown names report
    /// kUnknownName with the functions that there are.
    Executable* function(const std::string& name, Diagnostics& diagnostics);

    /// Functions bound from now on have their contractions chosen by measuring, or as `tuning`
    /// already knows. It must outlive the model.
    void set_tuning(TuningCache* tuning) { tuning_ = tuning; }
    /// Whether the module was compiled for bf16.
    bool is_bf16() const { return text("precision") == "bf16"; }
    /// Functions bound from now on compute in f32 whatever the module was compiled for.
    void disable_bf16() { bf16_ = false; }

    /// Steps of one training round in order, e.g. {step_discriminator, 5}, {step_generator, 1}.
    struct ScheduleEntry {
        std::string function;
        int64_t repeat = 1;
    };
    std::vector<ScheduleEntry> schedule() const;
    int64_t batch_size() const;
    int64_t epochs() const;
    bool has_test_data() const;

    /// Starts to read the training data on another thread, while functions are bound and states
    /// initialised, and to touch the arena. make_loader(kTrain) waits for them and reports what
    /// went wrong; contractions are measured only then.
    void read_ahead();
    /// A loader over all data fields of the split. Where the model names no test data, the training
    /// data are used.
    Result<std::unique_ptr<Loader>> make_loader(DataSplit split, const LoaderOptions& options,
                                                Diagnostics& diagnostics);
    /// What the values of field `name` span, as the model declares.
    ValueRange range(const std::string& field) const;
    /// The names of the data fields, in the order of the model.
    std::vector<std::string> data_fields() const;
    /// The shape of one example of a field; {} for labels.
    ir::Shape field_shape(const std::string& field) const {
        return sizes("data." + field + ".shape");
    }
    /// How many classes the labels of a field have; 0 when it holds no labels.
    int64_t label_classes(const std::string& field) const;
    /// The synthetic set that a field is ("ring"); "" for other fields.
    std::string synthetic_set(const std::string& field) const;

    /// From now on batches of `loader` are made where the function's inputs are, as far as that can
    /// be; for a loader whose batches only this function gets.
    void deliver_inputs(Executable& executable, Loader& loader);
    /// Copies a batch into the function's `data.*` inputs, unless it was made there, and into
    /// `valid` 1 for the valid rows.
    void set_inputs(Executable& executable, const Loader& loader, const Batch& batch);
    /// Fills the function's noise inputs for the examples first, first + 1, ...: row r is a
    /// function of (seed, first + r) only, so an example's noise does not depend on the batch it is
    /// in.
    void set_noise(Executable& executable, uint64_t seed, int64_t first_example);
    /// One example's noise for input `input` of a function, which is noise: `width` numbers.
    static void noise_of_example(const ir::Input& source, size_t input, uint64_t seed,
                                 int64_t example, int64_t width, float* to);
    /// Fills the function's inputs of labels: row r is asked to be of class (first + r) mod
    /// classes, or of `label`.
    void set_labels(Executable& executable, int64_t first_example, std::optional<int64_t> label);

    /// Where training stands: what `step` and `epoch` are in functions that run outside of it.
    void set_progress(int64_t step, double epoch) {
        step_ = static_cast<double>(step);
        epoch_ = epoch;
    }
    /// The context of a call outside of training.
    CallContext context(uint64_t seed, uint32_t call) const { return {seed, call, step_, epoch_}; }

  private:
    explicit LoadedModel(std::string path, ir::Module module);
    double number(const std::string& key, double otherwise) const;
    std::string text(const std::string& key) const;
    std::vector<int64_t> sizes(const std::string& key) const;
    FieldSource field_source(const std::string& prefix, const std::string& name) const;
    Result<Dataset> read_data(DataSplit split, Diagnostics& diagnostics) const;
    Result<Dataset> take_read_ahead(Diagnostics& diagnostics);

    std::string path_;
    ir::Module module_;
    std::unique_ptr<StateStore> states_;
    std::shared_ptr<Arena> arena_;
    std::map<std::string, Executable> executables_;
    TuningCache* tuning_ = nullptr;
    bool bf16_ = true;
    double step_ = 0, epoch_ = 0;

    struct ReadAhead {
        Result<Dataset> dataset;
        Diagnostics diagnostics;
    };
    std::atomic<bool> all_is_read_ = false;
    std::shared_future<void> touched_;  ///< the arena by read_ahead(), until all is read
    /// Last, so that its thread ends before the module that it reads.
    std::future<ReadAhead> read_ahead_;
};

}  // namespace gmc::runtime
