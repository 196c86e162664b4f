// What a run's folder says of itself, read without its model's weights.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/result.h"

namespace gmc::tools {

/// The values of one metric, by step.
struct Series {
    std::vector<double> steps, values;  ///< NaN where the log has no finite value
};

struct RunRecord {
    std::string folder;
    ir::Module module;
    std::map<std::string, Series> series;  ///< losses, metrics and speed, from metrics.jsonl
    std::vector<std::string> order;        ///< of their names, as the log has them
    int64_t step = 0, epoch = 0;           ///< of the last line
};

/// Reads `folder`/model.gmc and `folder`/metrics.jsonl. Errors: kBadFile.
Result<RunRecord> read_run(const std::string& folder, Diagnostics& diagnostics);

}  // namespace gmc::tools
