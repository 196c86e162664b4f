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
#include "runtime/train/checkpoint.h"

namespace gmc::tools {
namespace {

std::string change_text(const Json& line) {
    return fmt::format("from step {} on: {}", line.at("step").whole(), line.at("changed").text());
}

/// Training went back to the weights of step `to`: what it did since is no part of them.
void leave_out(int64_t to, RunHistory& run) {
    ++run.rollbacks;
    run.back_from = run.step;
    run.back_to = to;
    for (auto& [name, series] : run.series)
        for (size_t i = series.steps.size(); i-- > 0 && series.steps[i] > static_cast<double>(to);)
            series.left_out[i] = true;
}

/// Takes in a line about a sign: it is told, or told to be gone.
void add_sign(const Json& line, std::vector<ToldSign>& signs) {
    const auto text = [&](const char* name) {
        return line.contains(name) && line.at(name).is_text() ? line.at(name).text() : "";
    };
    const auto whole = [&](const char* name) {
        return line.contains(name) && line.at(name).is_whole() ? line.at(name).whole() : 0;
    };
    const ToldSign told{text("sign"), text("of"), text("text"), whole("step"), whole("epoch"), {}};
    auto found = std::find_if(signs.begin(), signs.end(), [&](const ToldSign& sign) {
        return sign.name == told.name && sign.of == told.of;
    });
    if (!line.contains("number")) {
        if (found != signs.end()) found->gone = told.epoch;
        return;
    }
    if (found != signs.end() && !found->gone) return;
    if (found != signs.end()) signs.erase(found);
    signs.push_back(told);
}

/// Adds one line: a point to each series that it has a value for. A line about the run's health has
/// no metrics. Steps go on increasing where training goes back, so what it did before that stays:
/// the best checkpoint may be of it.
void add_line(const Json& line, RunHistory& run) {
    run.step = line.at("step").whole();
    if (line.contains("epoch")) run.epoch = line.at("epoch").whole();
    run.diverged = line.contains("diverged") ? line.at("diverged").text() : "";
    if (line.contains("changed")) run.changes.push_back(change_text(line));
    if (line.contains("rolled_back_to")) leave_out(line.at("rolled_back_to").whole(), run);
    if (line.contains("sign")) add_sign(line, run.signs);
    for (const char* health : {"sign", "rolled_back_to", "diverged", "changed"})
        if (line.contains(health)) return;
    for (const std::string& name : line.names()) {
        const auto number =
            name == "step" || name == "epoch" ? std::nullopt : runtime::logged_number(line, name);
        if (!number) continue;
        const auto [series, added] = run.series.try_emplace(name);
        if (added) run.order.push_back(name);
        series->second.steps.push_back(static_cast<double>(run.step));
        series->second.values.push_back(*number);
        series->second.left_out.push_back(false);
    }
}

}  // namespace

std::optional<double> Series::last() const {
    for (size_t i = values.size(); i-- > 0;)
        if (!left_out[i]) return values[i];
    return std::nullopt;
}

std::string ToldSign::full_name() const {
    return of.empty() ? name : fmt::format("{} of `{}`", name, of);
}

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

/// A log that was lost, or a part of it, says less of how far the run got than its checkpoint.
static void take_checkpoint(RunHistory& run) {
    Diagnostics unreadable;
    const auto header =
        runtime::read_checkpoint_header(run.folder + "/" + runtime::kCheckpointName, unreadable);
    if (!header.ok() || header->training.step <= run.step) return;
    const runtime::TrainingState& at = header->training;
    const bool ended_one = at.epoch_end_left || at.epoch_began == at.step;
    run.step = at.step;
    run.epoch = at.pass + (at.example > 0 && !ended_one ? 1 : 0);
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
    take_checkpoint(run);
    return run;
}

Result<std::string> last_divergence(const std::string& folder, Diagnostics& diagnostics) {
    std::string last;
    auto in = runtime::open_log(folder + "/metrics.jsonl", diagnostics);
    if (!in.ok()) return Failure{};
    for (std::string text; std::getline(*in, text);) {
        const std::optional<Json> line = Json::parse(text);
        for (const char* name : {"diverged", "because"})
            if (line && line->contains(name) && line->at(name).is_text())
                last = line->at(name).text();
    }
    return last;
}

Result<LogNotes> notes_of(const std::string& folder, Diagnostics& diagnostics) {
    LogNotes notes;
    auto in = runtime::open_log(folder + "/metrics.jsonl", diagnostics);
    if (!in.ok()) return Failure{};
    for (std::string text; std::getline(*in, text);) {
        if (text.find("\"changed\"") == std::string::npos &&
            text.find("\"rolled_back_to\"") == std::string::npos &&
            text.find("\"sign\"") == std::string::npos)
            continue;
        const std::optional<Json> line = Json::parse(text);
        if (line && line->contains("sign")) add_sign(*line, notes.signs);
        if (line && line->contains("rolled_back_to")) ++notes.rollbacks;
        if (line && line->contains("changed") && line->at("changed").is_text() &&
            line->contains("step") && line->at("step").is_whole())
            notes.changes.push_back(change_text(*line));
    }
    return notes;
}

std::string local_steps_of(const runtime::RunRecord& record) {
    if (record.local.every == 0) return "";
    return fmt::format("{} by each of {} processes, then --outer-step {}", record.local.every,
                       record.processes, name_of(record.local.outer));
}

}  // namespace gmc::tools
