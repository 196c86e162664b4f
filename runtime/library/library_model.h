// A trained model as the library gives it to other programs: which functions it has, and running
// them on the caller's memory, for any number of examples.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/library/gmc.h"
#include "runtime/train/trained_model.h"

namespace gmc::runtime {

/// A trained model behind the C interface. It has only those functions of the model whose inputs
/// and results are rows of examples, since a caller may give any number of examples and need not
/// know the batch size that was compiled.
class LibraryModel {
  public:
    struct Port {
        std::string name;
        ir::Shape shape;         ///< of one example
        ir::InputSource source;  ///< of an input
        gmc_tensor tensor;       ///< refers to name and shape
    };
    struct RowFunction {
        std::string name;
        std::vector<Port> inputs, outputs;
        bool couples = false;  ///< whether its examples depend on each other
        bool draws = false;    ///< whether it draws numbers beside its inputs, as loops do
    };

    /// `path` is the folder of a run, or a .gmc with the run `run`.
    /// Errors: those of LoadedModel::load and read_checkpoint; kBadFile for a .gmc without a run.
    static Result<std::unique_ptr<LibraryModel>> load(const std::string& path,
                                                      const std::string& run,
                                                      const std::string& checkpoint, int threads,
                                                      Diagnostics& diagnostics);

    const std::string& name() const { return trained_.model->module().name; }
    int64_t batch_size() const { return trained_.model->batch_size(); }
    int threads() const { return threads_; }
    /// The functions that take or draw examples and give examples, and update nothing.
    const std::vector<RowFunction>& functions() const { return functions_; }
    /// Null when there is none of this name.
    const RowFunction* find(const std::string& name) const;

    /// What a call brings; see gmc_run.
    struct Call {
        int64_t examples = 1;
        std::vector<const float*> inputs;  ///< null: to be drawn
        std::vector<float*> outputs;       ///< null: not wanted
        uint64_t seed = 1;
        int64_t first = 0;
    };
    /// Runs a function of functions(). Calls from several threads wait for each other. False after
    /// an error: kBadValue for missing data, for a label that is no class, and for examples that
    /// fill no whole batches of a function that couples them; and those of
    /// LoadedModel::function_for.
    [[nodiscard]] bool run(const RowFunction& function, const Call& call, Diagnostics& diagnostics);

  private:
    LibraryModel(TrainedModel trained, int threads);
    void add_function(const ir::Function& function);
    bool check(const RowFunction& function, const Call& call, Diagnostics& diagnostics) const;

    TrainedModel trained_;
    int threads_;
    std::vector<RowFunction> functions_;
    std::mutex one_at_a_time_;
};

}  // namespace gmc::runtime
