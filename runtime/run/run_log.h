// What a run writes down while it trains: lines of metrics.jsonl and, when asked, events for
// TensorBoard that say the same.
#pragma once

#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/output/metrics_log.h"
#include "runtime/run/run_record.h"
#include "runtime/tensorboard/event_file.h"

namespace gmc::runtime {

/// Writes every line of metrics into metrics.jsonl and, when asked, into TensorBoard's file, so
/// that nobody else has to know that there are two.
class RunLog {
  public:
    struct Options {
        bool resume = false;          ///< go on after `step` with the metrics that are there
        int64_t step = 0;             ///< steps done so far
        int64_t every = 1;            ///< steps between lines of metrics until then
        bool epoch_end_left = false;  ///< after `step`, the end of its epoch is still to be done
        bool tensorboard = false;     ///< a file of events, too
        int64_t batch_size = 0;       ///< for TensorBoard's page of settings
    };
    /// Opens the log of the run in `folder`. Errors: those of MetricsLog, and kBadFile.
    static Result<RunLog> open(const std::string& folder, const RunRecord& record,
                               const Options& options, Diagnostics& diagnostics);

    /// Errors: kBadFile, kDiskFull; then metrics.jsonl is as it was.
    [[nodiscard]] bool write(const std::vector<MetricsRow>& rows, Diagnostics& diagnostics);
    /// A picture of samples, for TensorBoard; nothing when the file is not there.
    [[nodiscard]] bool picture(const std::string& file, int64_t step, Diagnostics& diagnostics);

    /// The run's folder, with the log in it, lies there now.
    void goes_to(const std::string& folder);
    /// MetricsLog's: a checkpoint has all steps of metrics.jsonl; later ones go from it.
    void has_saved() { metrics_.has_saved(); }
    void back_to_saved() { metrics_.back_to_saved(); }

    /// The step of the last line of metrics that was there (MetricsLog).
    std::optional<int64_t> ended_at() const { return metrics_.ended_at(); }

  private:
    explicit RunLog(MetricsLog metrics) : metrics_(std::move(metrics)) {}

    MetricsLog metrics_;
    int64_t told_ = -1;  ///< the last step that events say the epoch of
    std::optional<tensorboard::EventFile> events_;
};

/// Whether a file of events in the run's folder has a picture of this step.
bool has_picture_event(const std::string& folder, int64_t step);

/// Why the training of a run ended, if it diverged, as the last line of its log says; "" else.
/// Errors: kBadFile (see open_log).
Result<std::string> why_diverged(const std::string& folder, Diagnostics& diagnostics);

/// All that the run in `folder` wrote down, as the bytes of one file of events: metrics.jsonl, the
/// pictures of samples, each at the last step of its epoch, and run.json. Events have the time at
/// which their file was last written. Errors: kBadFile.
Result<std::string> events_of_run(const std::string& folder, int64_t batch_size,
                                  Diagnostics& diagnostics);

}  // namespace gmc::runtime
