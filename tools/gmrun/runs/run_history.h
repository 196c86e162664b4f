// What a run's folder says of itself, read without its model's weights.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/result.h"
#include "runtime/run/run_record.h"

namespace gmc::tools {

/// The values of one metric, by step.
struct Series {
    std::vector<double> steps, values;
    std::vector<bool> left_out;  ///< of each: training went back behind that step

    /// The last value that was not left out.
    std::optional<double> last() const;
};

/// A sign of trouble that the log tells (runtime/run/signs.h).
struct ToldSign {
    std::string name, of, text;   ///< `of`: the loss or state that shows it; "" of the whole model
    int64_t step = 0, epoch = 0;  ///< when it was first told, since it was last gone
    std::optional<int64_t> gone;  ///< the epoch that told that it is gone
    std::string full_name() const;  ///< "dead_units of `net.dense.weight`"
};

/// A run as its folder tells it.
struct RunHistory {
    std::string folder;
    ir::Module module;
    runtime::RunRecord record;
    std::map<std::string, Series> series;  ///< losses, metrics and speed, from metrics.jsonl
    std::vector<std::string> order;        ///< of their names, as the log has them
    int64_t step = 0, epoch = 0;           ///< of the last line
    /// What it had otherwise from a step on, where it was resumed with another model.
    std::vector<std::string> changes;
    std::string diverged;                ///< why training ended, if it diverged
    int64_t rollbacks = 0;               ///< how often training went back after divergence
    int64_t back_from = 0, back_to = 0;  ///< the last time: behind which steps it was
    std::vector<ToldSign> signs;

    /// The name of a series with its unit: "kl in nats per example".
    std::string title(const std::string& name) const;
};

/// Reads model.gmc, run.json and metrics.jsonl of a run; a run that has not logged anything yet has
/// no series. Errors: kBadFile.
Result<RunHistory> read_run(const std::string& folder, Diagnostics& diagnostics);

/// Reads the last of these, metrics.jsonl of `run.folder`, into `run`. False after an error, with
/// what the lines before it say.
[[nodiscard]] bool read_log(RunHistory& run, Diagnostics& diagnostics);

/// Why training diverged last, also where it went back and on; "" where the log tells of no
/// divergence. Errors: kBadFile (see runtime::open_log).
Result<std::string> last_divergence(const std::string& folder, Diagnostics& diagnostics);
/// What the log of a run says beside its figures.
struct LogNotes {
    /// "from step 35 on: train.batch_size `32`, now `50`", for each time that it was resumed with
    /// another model.
    std::vector<std::string> changes;
    int64_t rollbacks = 0;  ///< how often training went back after divergence
    std::vector<ToldSign> signs;
};
/// Errors: kBadFile.
Result<LogNotes> notes_of(const std::string& folder, Diagnostics& diagnostics);
/// "5 by each of 3 processes, then --outer-step nesterov"; "" for a run that takes none.
std::string local_steps_of(const runtime::RunRecord& record);

}  // namespace gmc::tools
