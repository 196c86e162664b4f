// Reads what a run's folder says of it: its model, its record, and metrics.jsonl, which has a JSON
// object per line.
#include "tools/gmrun/runs/run_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/ir/artefact.h"
#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "runtime/output/metrics_log.h"

namespace gmc::tools {
namespace {

/// Takes away what was logged after a step: training went back to it.
void forget_after(int64_t step, RunHistory& run) {
    for (auto& [name, series] : run.series) {
        const auto end =
            std::upper_bound(series.steps.begin(), series.steps.end(), static_cast<double>(step));
        const auto kept = static_cast<size_t>(end - series.steps.begin());
        series.steps.resize(kept);
        series.values.resize(kept);
    }
}

std::string change_text(const Json& line) {
    return fmt::format("from step {} on: {}", line.at("step").whole(), line.at("changed").text());
}

/// Adds one line: a point to each series that it has a value for. A line about the run's health has
/// no metrics.
void add_line(const Json& line, RunHistory& run) {
    run.step = line.at("step").whole();
    if (line.contains("epoch")) run.epoch = line.at("epoch").whole();
    if (line.contains("rolled_back_to"))
        return forget_after(*(run.went_back_to = line.at("rolled_back_to").whole()), run);
    run.diverged = line.contains("diverged") ? line.at("diverged").text() : "";
    if (line.contains("changed")) run.changes.push_back(change_text(line));
    if (line.contains("sign") || line.contains("diverged") || line.contains("changed")) return;
    for (const std::string& name : line.names()) {
        const auto number =
            name == "step" || name == "epoch" ? std::nullopt : runtime::logged_number(line, name);
        if (!number) continue;
        const auto [series, added] = run.series.try_emplace(name);
        if (added) run.order.push_back(name);
        series->second.steps.push_back(static_cast<double>(run.step));
        series->second.values.push_back(*number);
    }
}

}  // namespace

std::string RunHistory::title(const std::string& name) const {
    constexpr std::string_view kValidation = "validation_";
    const std::string unit =
        module.unit_of(name.starts_with(kValidation) ? name.substr(kValidation.size()) : name);
    return unit.empty() ? name : name + " in " + unit;
}

/// Of a training that was killed the last line may be half a one: where getline meets the end of
/// the file before a line break, what is no line is left out.
bool read_log(RunHistory& run, Diagnostics& diagnostics) {
    const std::string path = run.folder + "/metrics.jsonl";
    auto in = runtime::open_log(path, diagnostics);
    if (!in.ok()) return false;
    int64_t number = 0;
    for (std::string text; std::getline(*in, text); ++number) {
        const std::optional<Json> line = Json::parse(text);
        if (const std::string why = runtime::why_no_line(line); !why.empty()) {
            if (in->eof()) {
                diagnostics.warning(DiagnosticKind::kBadFile, {},
                                    "`{}` ends in half a line, {}, which is left out", path,
                                    number + 1);
                return true;
            }
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` line {} {}", path, number + 1,
                              why);
            return false;
        }
        try {
            add_line(*line, run);
        } catch (const JsonError& wrong) {
            diagnostics.error(DiagnosticKind::kBadFile, {},
                              "`{}` line {} is not one of metrics: {}", path, number + 1,
                              wrong.what());
            return false;
        }
    }
    return true;
}

Result<RunHistory> read_run(const std::string& folder, Diagnostics& diagnostics) {
    RunHistory run;
    run.folder = folder;
    Result<ir::Module> module = ir::read_artefact(folder + "/model.gmc", {}, diagnostics);
    if (!module) return Failure{};
    run.module = module.take();
    Result<runtime::RunRecord> record = runtime::read_run_record(folder + "/run.json", diagnostics);
    if (!record) return Failure{};
    run.record = record.take();
    if (!read_log(run, diagnostics)) return Failure{};
    return run;
}

Result<std::string> why_diverged(const std::string& folder, Diagnostics& diagnostics) {
    constexpr std::streamoff kMost = 1 << 16;  // of the last line
    auto in = runtime::open_log(folder + "/metrics.jsonl", diagnostics);
    if (!in.ok()) return Failure{};
    in->seekg(0, std::ios::end);
    const std::streamoff size = in->is_open() ? std::streamoff(in->tellg()) : 0;
    if (size <= 0) return std::string();
    std::string end(static_cast<size_t>(std::min(size, kMost)), '\0');
    in->seekg(size - static_cast<std::streamoff>(end.size()));
    in->read(end.data(), static_cast<std::streamsize>(end.size()));
    while (end.ends_with('\n')) end.pop_back();
    const std::optional<Json> line = Json::parse(end.substr(end.rfind('\n') + 1));
    return line && line->contains("diverged") && line->at("diverged").is_text()
               ? line->at("diverged").text()
               : std::string();
}

Result<std::vector<std::string>> changes_of(const std::string& folder, Diagnostics& diagnostics) {
    std::vector<std::string> changes;
    auto in = runtime::open_log(folder + "/metrics.jsonl", diagnostics);
    if (!in.ok()) return Failure{};
    for (std::string text; std::getline(*in, text);) {
        if (text.find("\"changed\"") == std::string::npos) continue;
        const std::optional<Json> line = Json::parse(text);
        if (line && line->contains("changed") && line->at("changed").is_text() &&
            line->contains("step") && line->at("step").is_whole())
            changes.push_back(change_text(*line));
    }
    return changes;
}

std::string local_steps_of(const runtime::RunRecord& record) {
    if (record.local.every == 0) return "";
    return fmt::format("{} by each of {} processes, then --outer-step {}", record.local.every,
                       record.processes, name_of(record.local.outer));
}

}  // namespace gmc::tools
