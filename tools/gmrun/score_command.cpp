// gmrun score: writes a row of figures per example, and which of them are anomalies.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/ranges.h>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/tables/csv_reader.h"
#include "runtime/output/npy.h"
#include "runtime/run/validation.h"
#include "runtime/train/score.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/own_data.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

using runtime::csv_cell;
using runtime::Scores;

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
    for (const std::string& name : columns.names) text += "," + csv_cell(name);
    text += "\n";
    for (size_t i = 0; i < scores.ids.size(); ++i) {
        text += csv_cell(scores.ids[i]);
        for (const auto& value : columns.cells) text += "," + csv_cell(value(i));
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
        .help(fmt::format("there {} {}", by_count(known.size(), "is", "are"),
                          fmt::join(known, ", ")));
    return nullptr;
}

/// What the threshold is a quantile of.
struct Normal {
    Scores scores;
    std::string what;  ///< "of training"
};

/// Scores what is normal: the examples that were kept out of training, where there are such,
/// because they show how the model scores new ones; else those of training.
Result<Normal> score_normal(const TrainedModel& trained, const runtime::ScoreOptions& options,
                            Diagnostics& diagnostics) {
    runtime::LoadedModel& model = *trained.model;
    const runtime::LoaderOptions in_order{model.batch_size(), runtime::LoaderMode::kEvaluate,
                                          options.seed, 2};
    const bool keeps_out = model.module().run.validate_share > 0;
    auto loader =
        keeps_out ? runtime::validation_loader(model, trained.training.seed, in_order, diagnostics)
                  : model.data().make_loader(runtime::DataSplit::kTrain, in_order, diagnostics);
    if (!loader.ok()) return Failure{};
    Normal out{{}, keeps_out ? "kept out of training" : "of training"};
    auto scores = runtime::score(model, loader.take(), options, diagnostics);
    if (!scores.ok()) return Failure{};
    out.scores = scores.take();
    return out;
}

/// The threshold that the command line asks for; `normal`: where it is a quantile.
Result<double> threshold(const CommandLine& line, const Normal* normal, Diagnostics& diagnostics) {
    if (normal == nullptr) return line.get<double>("threshold");
    const std::vector<float>* column = judged_column(line, normal->scores, diagnostics);
    if (column == nullptr) return Failure{};
    if (std::any_of(column->begin(), column->end(), [](float v) { return std::isnan(v); })) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "scores of the examples {} are NaN, so they have no quantiles",
                          normal->what);
        return Failure{};
    }
    return runtime::quantile_of(*column, line.get<double>("quantile"));
}

/// ", the 0.95 quantile of 6000 examples of training"; nothing for --threshold.
std::string origin(const CommandLine& line, const Normal* normal) {
    return normal == nullptr
               ? ""
               : fmt::format(", the {} quantile of {} examples {}", line.get<double>("quantile"),
                             normal->scores.ids.size(), normal->what);
}

/// What is scored, by which number, from which threshold, and where it goes.
void add_score_options(CommandLine& line) {
    add_run(line);
    add_own_data(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_flag("train-data", "score the training data instead");
    line.add_option<int64_t>("count", "N", "the first so many examples; by default all", kFromOne);
    line.add_option<uint64_t>("seed", "N", "seed of noise, if the function draws any", 1);
    line.add_option<std::string>("function", "NAME", "the model's function that scores", "score");
    line.add_option<double>("quantile", "Q",
                            "mark as an anomaly what scores above this quantile of what is normal: "
                            "of the share kept out of training, where the model has `validate: "
                            "0.1`, else of the training data; 0.95 marks what looks stranger than "
                            "95 % of them",
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

/// Refuses what cannot be meant, before anything is read.
void check_usage(const CommandLine& line) {
    check_ending(line, "output", {".csv"});
    if (line.has("quantile") && line.has("threshold"))
        throw UsageError("--quantile makes a threshold, and --threshold is one: give one of them");
    if (line.has("by") && !line.has("quantile") && !line.has("threshold"))
        throw UsageError("--by says what the threshold is for: it needs --quantile or --threshold");
}

/// Maps of tables become columns, all others files of their own. False after an error.
bool add_maps(const runtime::LoadedModel& model, const Scores& scores, const OutputFiles& files,
              const std::string& output, std::vector<runtime::ColumnMap>& kept, Columns& columns,
              Diagnostics& diagnostics) {
    kept.reserve(scores.maps.size());
    for (const auto& [name, map] : scores.maps) {
        auto table = by_columns(model, map);
        if (!table) {
            const std::string file = output.substr(0, output.size() - 4) + "." + name + ".npy";
            if (!files.may_write(file, diagnostics) ||
                !runtime::write_npy(file, map.shape, map.values, diagnostics))
                return false;
            print_out("{}: {}\n", file, ir::to_string(map.shape));
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
                  const Normal* normal, const OutputFiles& files, const std::string& output,
                  Diagnostics& diagnostics) {
    Columns columns;
    for (const auto& [name, field, labels] : scores.labels) {
        columns.add(name, labels);
        const std::vector<std::string> names = class_names(model, field);
        if (!names.empty())
            columns.add(name + ".name", [&labels = labels, names](size_t i) {
                const auto k = static_cast<size_t>(labels[i]);
                return k < names.size() ? names[k] : "";
            });
    }
    for (const auto& [name, values] : scores.columns) columns.add(name, values);
    std::vector<runtime::ColumnMap> kept;
    if (!add_maps(model, scores, files, output, kept, columns, diagnostics)) return false;
    const std::vector<float>* judged = judged_column(line, scores, diagnostics);
    if (judged == nullptr) return false;
    if (normal != nullptr || line.has("threshold")) {
        const auto limit = threshold(line, normal, diagnostics);
        if (!limit.ok()) return false;
        // What is not a number is strange, too.
        const auto strange = [judged, limit = *limit](size_t i) {
            return !((*judged)[i] <= static_cast<float>(limit));
        };
        int64_t found = 0;
        for (size_t i = 0; i < judged->size(); ++i) found += strange(i) ? 1 : 0;
        columns.add("anomaly", [strange](size_t i) { return strange(i) ? "1" : "0"; });
        print_out("threshold {:.6g}{}: {} of {} {} above\n", *limit, origin(line, normal), found,
                  counted(static_cast<int64_t>(judged->size()), "example"),
                  found == 1 ? "is" : "are");
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
        "Writes a row per example of the test data (of the training data where the model names "
        "none) into a CSV file: its number (or the "
        "path of its file), its labels, and what the model's function `score` says of "
        "it. With a threshold also whether it is an anomaly.");
    add_score_options(line);
    if (!line.parse(words)) return kDone;
    check_usage(line);
    runtime::ScoreOptions options{.function = line.text("function"),
                                  .seed = line.get<uint64_t>("seed")};
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    runtime::LoadedModel& model = *trained->model;
    // Before --data takes the place of the training data.
    std::optional<Normal> normal;
    if (line.has("quantile")) {
        auto scores = score_normal(*trained, options, diagnostics);
        if (!scores.ok()) return report(diagnostics);
        normal = scores.take();
    }
    if (!use_own_data(line, model, options.function, diagnostics)) return report(diagnostics);
    options.count = line.has("count") ? line.get<int64_t>("count") : 0;
    options.maps = line.flag("maps");
    const auto split =
        line.flag("train-data") ? runtime::DataSplit::kTrain : runtime::DataSplit::kTest;
    auto loader = model.data().make_loader(
        split, {model.batch_size(), runtime::LoaderMode::kEvaluate, options.seed, 2}, diagnostics);
    if (!loader.ok()) return report(diagnostics);
    const auto scores = runtime::score(model, loader.take(), options, diagnostics);
    if (!scores.ok()) return report(diagnostics);
    report_warnings(diagnostics);
    say_kept_out(model, split);
    if (options.maps && scores->maps.empty())
        throw UsageError(fmt::format(
            "--maps: function `{}` gives single numbers per example only, so there is no map",
            options.function));
    const OutputFiles files = output_files(line, *trained);
    const auto output = output_or(line, files, trained->folder + "/scores.csv", diagnostics);
    if (!output.ok() || !write_scores(line, model, *scores, normal ? &*normal : nullptr, files,
                                      *output, diagnostics))
        return report_output(line, diagnostics);
    print_out("{}: {}\n", *output, counted(static_cast<int64_t>(scores->ids.size()), "row"));
    return kDone;
}

}  // namespace gmc::tools
