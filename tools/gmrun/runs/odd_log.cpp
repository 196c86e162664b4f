// Reads metrics.jsonl line by line: steps only rise, and there is one every so many steps.
#include "tools/gmrun/runs/odd_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "runtime/output/metrics_log.h"

namespace gmc::tools {

/// Lines of training figures are written after every so many steps, which the first one tells;
/// --log-every may have been another one later, so only a gap that is wider than all others is told
/// at the end. A rollback leaves steps as they are.
std::string odd_log(const std::string& folder, int64_t step) {
    const std::string path = folder + "/metrics.jsonl";
    if (step == 0) return "";
    if (!is_there(path)) return fmt::format("`{}` is missing", path);
    Diagnostics unreadable;
    auto log = runtime::open_log(path, unreadable);
    if (!log.ok()) return unreadable.list().back().text;
    std::ifstream& in = *log;
    int64_t number = 0, last = 0, widest = 0;
    for (std::string text; std::getline(in, text);) {
        ++number;
        const std::optional<Json> line = Json::parse(text);
        const std::string why = runtime::why_no_line(line);
        if (!why.empty() && in.eof())
            return fmt::format("`{}` ends in half a line, {}", path, number);
        if (!why.empty()) return fmt::format("`{}` line {} {}", path, number, why);
        const int64_t at = line->at("step").whole();
        const bool trains = runtime::has_training_figures(*line);
        if (trains ? at <= last : at < last)
            return fmt::format("`{}` line {} is of step {}, but an earlier line is of step {}",
                               path, number, at, last);
        if (trains) widest = std::max(widest, at - last);
        last = at;
    }
    if (last == 0) return fmt::format("`{}` has no lines", path);
    if (last < step && step - last >= std::max<int64_t>(widest, 1))
        return fmt::format("`{}` ends at step {}, but the checkpoint is of step {}", path, last,
                           step);
    return "";
}

}  // namespace gmc::tools
