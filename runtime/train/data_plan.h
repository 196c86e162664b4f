// The data that a model was compiled for. Enters: the fields of a module, for training and for
// tests. Leaves: loaders of batches. The training data can be read ahead on another thread, while
// functions are bound and states are initialised.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/data/loader.h"

namespace gmc::runtime {

/// Which data a function reads.
enum class DataSplit { kTrain, kTest };

/// Before words about a change of test data.
inline constexpr const char* kOfTestData = "test data: ";

/// Opens the data of one module, once per loader that is asked for.
class DataPlan {
  public:
    /// `module` has to outlive the plan.
    explicit DataPlan(const ir::Module& module) : module_(module) {}

    bool has_test() const { return !module_.test.empty(); }

    /// Starts to read the training data on another thread. The next loader of them waits for that,
    /// and reports what went wrong. The result becomes ready when the thread has ended, with or
    /// without an error.
    std::shared_future<void> read_ahead();
    /// True while there are data that were, or are being, read ahead and that no loader has taken.
    bool is_ahead() const { return is_ahead_; }
    /// Waits for them, at most so long; false where they are still being read.
    bool is_read_within(std::chrono::milliseconds most) const {
        return !read_ahead_.valid() || read_ahead_.wait_for(most) == std::future_status::ready;
    }

    /// From now on, loaders of both splits read these fields instead of the module's.
    void read_instead(std::vector<ir::DataField> fields) { instead_ = std::move(fields); }

    bool is_replaced() const { return !instead_.empty(); }

    /// Says which data a run had, by their fingerprints (data_changes.h; "": not known). The first
    /// loader of each warns (kBadFile) where they have changed.
    void expect(std::string training, std::string test) {
        expected_ = std::move(training);
        expected_test_ = std::move(test);
    }

    /// A loader of all fields of the split. A model without test data gets the training data for
    /// both splits.
    Result<std::unique_ptr<Loader>> make_loader(DataSplit split, const LoaderOptions& options,
                                                Diagnostics& diagnostics);

  private:
    struct ReadAhead {
        Result<Dataset> dataset;
        Diagnostics diagnostics;
    };
    Result<Dataset> read(DataSplit split, Diagnostics& diagnostics) const;
    Result<Dataset> take_read_ahead(Diagnostics& diagnostics);

    const ir::Module& module_;
    std::vector<ir::DataField> instead_;  ///< {}: the module's
    std::string expected_, expected_test_;
    std::atomic<bool> is_ahead_ = false;
    /// Its destructor waits for the thread.
    std::future<ReadAhead> read_ahead_;
};

// ---- sets of different length in one model (`order: own`) ----

/// The data fields that a function takes.
std::vector<std::string> fields_of(const ir::Function& function);

/// The data fields that describe the same examples as those that a function takes: all but those
/// of other sets.
std::set<std::string> fields_beside(const ir::Module& module, const ir::Function& function);

/// Makes `loader`, which evaluates, go through the longest of the sets that `fields` are of, as far
/// as it is another than it goes through now. Shorter ones begin again, with a warning. False after
/// an error: no memory (kTooLarge).
[[nodiscard]] bool cover_sets(std::unique_ptr<Loader>& loader,
                              const std::vector<std::string>& fields, Diagnostics& diagnostics);

}  // namespace gmc::runtime
