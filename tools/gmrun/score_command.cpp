// gmrun score: writes a row of figures per example, and which of them are anomalies.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/ranges.h>

#include "runtime/files/atomic_file.h"
#include "runtime/output/npy.h"
#include "runtime/train/score.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/own_data.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

using runtime::Scores;

/// A cell with quotes where it needs them (RFC 4180).
std::string cell(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

/// What the rows of a CSV file say of each example beside its id.
struct Columns {
    std::vector<std::string> names;
    std::vector<std::function<std::string(size_t)>> cells;
    void add(const std::string& name, std::function<std::string(size_t)> value) {
        names.push_back(name);
        cells.push_back(std::move(value));
    }
    void add(const std::string& name, const std::vector<float>& values) {
        add(name, [&values](size_t i) { return fmt::format("{}", values[i]); });
    }
};

std::string csv(const Scores& scores, const Columns& columns) {
    std::string text = "id";
    for (const std::string& name : columns.names) text += "," + cell(name);
    text += "\n";
    for (size_t i = 0; i < scores.ids.size(); ++i) {
        text += cell(scores.ids[i]);
        for (const auto& value : columns.cells) text += "," + cell(value(i));
        text += "\n";
    }
    return text;
}

/// The names of the classes of a field of labels; {} where they have none.
std::vector<std::string> class_names(const runtime::LoadedModel& model, const std::string& field) {
    const ir::DataField* declared = ir::find_field(model.module().data, field);
    return declared == nullptr ? std::vector<std::string>() : declared->class_names;
}

const std::vector<float>* find_column(const Scores& scores, const std::string& name) {
    for (const auto& [known, values] : scores.columns)
        if (known == name || name.empty()) return &values;
    return nullptr;
}

/// --by, or the function's first number per example. Null after an error.
const std::vector<float>* judged_column(const CommandLine& line, const Scores& scores,
                                        Diagnostics& diagnostics) {
    const std::vector<float>* column = find_column(scores, line.text("by"));
    if (column != nullptr) return column;
    std::vector<std::string> known;
    for (const auto& [name, values] : scores.columns) known.push_back("`" + name + "`");
    diagnostics
        .error(DiagnosticKind::kUnknownName, {}, "--by: no number per example is called `{}`",
               line.text("by"))
        .help(fmt::format("there are {}", fmt::join(known, ", ")));
    return nullptr;
}

/// The threshold that the command line asks for; `training` are the scores of the training data.
Result<double> threshold(const CommandLine& line, const Scores* training,
                         Diagnostics& diagnostics) {
    if (training == nullptr) return line.get<double>("threshold");
    const std::vector<float>* column = judged_column(line, *training, diagnostics);
    if (column == nullptr) return Failure{};
    if (std::any_of(column->begin(), column->end(), [](float v) { return std::isnan(v); })) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "scores of the training data are NaN, so they have no quantiles");
        return Failure{};
    }
    return runtime::quantile_of(*column, line.get<double>("quantile"));
}

/// What is scored, by which number, from which threshold, and where it goes.
void add_options(CommandLine& line) {
    add_run(line);
    add_own_data(line);
    add_checkpoint(line);
    line.add_flag("train-data", "score the training data instead");
    line.add_option<int64_t>("count", "N", "the first so many examples; by default all", kFromOne);
    line.add_option<uint64_t>("seed", "N", "seed of noise, if the function draws any", 1);
    line.add_option<std::string>("function", "NAME", "the model's function that scores", "score");
    line.add_option<double>("quantile", "Q",
                            "mark as an anomaly what scores above this quantile of the training "
                            "data: 0.95 marks what looks stranger than 95 % of them",
                            Range{0, 1});
    line.add_option<double>("threshold", "X", "mark what scores above this number");
    line.add_option<std::string>("by", "NAME",
                                 "the number that the threshold is for; by default the first");
    line.add_flag("maps",
                  "also write numbers per pixel: FILE.NAME.npy beside FILE.csv; of a table numbers "
                  "per column, as columns NAME.COLUMN of the CSV");
    line.add_option<std::string>("output,o", "FILE.csv",
                                 "by default scores.csv in the run's folder");
}

/// Maps of tables become columns, all others files of their own. False after an error.
bool add_maps(const runtime::LoadedModel& model, const Scores& scores, const std::string& output,
              std::vector<runtime::ColumnMap>& kept, Columns& columns, Diagnostics& diagnostics) {
    kept.reserve(scores.maps.size());
    for (const auto& [name, map] : scores.maps) {
        auto table = by_columns(model, map);
        if (!table) {
            const std::string file = output.substr(0, output.size() - 4) + "." + name + ".npy";
            if (!runtime::write_npy(file, map.shape, map.values, diagnostics)) return false;
            fmt::print("{}: {}\n", file, ir::to_string(map.shape));
            continue;
        }
        kept.push_back(std::move(*table));
        const runtime::ColumnMap& one = kept.back();
        for (size_t c = 0; c < one.names.size(); ++c)
            columns.add(name + "." + one.names[c], [&one, c](size_t i) {
                return fmt::format("{}", one.values[i * one.names.size() + c]);
            });
    }
    return true;
}

/// Writes the file and says what is in it. False after an error.
bool write_scores(const CommandLine& line, const runtime::LoadedModel& model, const Scores& scores,
                  const Scores* training, const std::string& output, Diagnostics& diagnostics) {
    Columns columns;
    for (const auto& [field, labels] : scores.labels) {
        columns.add(field, labels);
        const std::vector<std::string> names = class_names(model, field);
        if (!names.empty())
            columns.add(field + ".name", [&labels = labels, names](size_t i) {
                const auto k = static_cast<size_t>(labels[i]);
                return k < names.size() ? names[k] : "";
            });
    }
    for (const auto& [name, values] : scores.columns) columns.add(name, values);
    std::vector<runtime::ColumnMap> kept;
    if (!add_maps(model, scores, output, kept, columns, diagnostics)) return false;
    const std::vector<float>* judged = judged_column(line, scores, diagnostics);
    if (judged == nullptr) return false;
    if (training != nullptr || line.has("threshold")) {
        const auto limit = threshold(line, training, diagnostics);
        if (!limit.ok()) return false;
        // What is not a number is strange, too.
        const auto strange = [judged, limit = *limit](size_t i) {
            return !((*judged)[i] <= static_cast<float>(limit));
        };
        int64_t found = 0;
        for (size_t i = 0; i < judged->size(); ++i) found += strange(i) ? 1 : 0;
        columns.add("anomaly", [strange](size_t i) { return strange(i) ? "1" : "0"; });
        fmt::print("threshold {:.6g}: {} of {} examples are above\n", *limit, found,
                   judged->size());
    }
    return runtime::write_file_atomically(output, csv(scores, columns), diagnostics);
}

}  // namespace

/// 1. With --quantile the training data are scored first, before --data takes their place; the
///    quantile of their scores is the threshold.
/// 2. The data that were asked for are scored.
/// 3. The table is written, with a column `anomaly` if there is a threshold.
int score_command(const Words& words) {
    CommandLine line(
        "gmrun score [options] MODEL",
        "Writes a row per example of the test data into a CSV file: its number (or the "
        "path of its file), its labels, and what the model's function `score` says of "
        "it. With a threshold also whether it is an anomaly.");
    add_options(line);
    if (!line.parse(words)) return kDone;
    const std::string asked = line.text("output");
    if (line.has("output") && !asked.ends_with(".csv"))
        throw UsageError(fmt::format("--output `{}` ends in none of .csv", asked));
    if (line.has("quantile") && line.has("threshold"))
        throw UsageError("--quantile makes a threshold, and --threshold is one: give one of them");
    runtime::ScoreOptions options{.function = line.text("function"),
                                  .split = runtime::DataSplit::kTrain,
                                  .seed = line.get<uint64_t>("seed")};
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    runtime::LoadedModel& model = *trained->model;
    // Before --data takes the place of the training data.
    std::optional<Scores> training;
    if (line.has("quantile")) {
        auto scores = runtime::score(model, options, diagnostics);
        if (!scores.ok()) return report(diagnostics);
        training = scores.take();
    }
    if (!use_own_data(line, model, options.function, diagnostics)) return report(diagnostics);
    if (!line.flag("train-data")) options.split = runtime::DataSplit::kTest;
    options.count = line.has("count") ? line.get<int64_t>("count") : 0;
    options.maps = line.flag("maps");
    const auto scores = runtime::score(model, options, diagnostics);
    if (!scores.ok()) return report(diagnostics);
    report_warnings(diagnostics);
    const std::string output = line.has("output") ? asked : trained->folder + "/scores.csv";
    if (!write_scores(line, model, *scores, training ? &*training : nullptr, output, diagnostics))
        return report(diagnostics);
    fmt::print("{}: {} rows\n", output, scores->ids.size());
    return kDone;
}

}  // namespace gmc::tools
