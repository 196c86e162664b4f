// gmrun eval: computes losses and metrics over the test data, and the quality of samples.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/run/run_record.h"
#include "runtime/run/validation.h"
#include "runtime/train/sample_quality.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/own_data.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// Figures in the order they are printed.
using Figures = Json;

/// Modes covered, for models of `ring` and `grid`. False after an error.
bool add_modes(runtime::LoadedModel& model, int64_t samples, uint64_t seed, Figures& figures,
               Diagnostics& diagnostics) {
    const auto modes = runtime::modes_of(model);
    if (!modes) return true;
    const auto coverage = runtime::sample_modes(model, *modes, samples, seed, diagnostics);
    if (!coverage.ok()) return false;
    figures["samples"] = samples;
    figures["modes"] = coverage->modes;
    figures["modes_covered"] = coverage->modes_covered;
    figures["share_within_3_sigma"] = coverage->share_within_3_sigma;
    return true;
}

/// Figures about samples by a classifier. False after an error.
bool add_classifier(runtime::LoadedModel& model, const std::string& classifier, int64_t samples,
                    uint64_t seed, Figures& figures, Diagnostics& diagnostics) {
    auto judge = load_trained(classifier, "", diagnostics);
    if (!judge.ok()) return false;
    const auto quality =
        runtime::classifier_quality(model, *judge->model, samples, seed, diagnostics);
    if (!quality.ok()) return false;
    figures["samples"] = quality->samples;
    if (quality->class_accuracy) figures["class_accuracy"] = *quality->class_accuracy;
    figures["frechet_distance"] = quality->frechet_distance;
    if (quality->frechet_distance_of_data)
        figures["frechet_distance_of_data"] = *quality->frechet_distance_of_data;
    figures["data_examples"] = quality->data_examples;
    return true;
}

/// Losses and metrics; those that are one value (a loss, and what the model calls it) under their
/// names together. Sets `units` of the same names.
Figures figures_of(const runtime::LoadedModel& model, const runtime::EvaluationResult& result,
                   Json& units) {
    const auto& results = model.module().find_function("evaluate")->results;
    Figures figures;
    const size_t count = result.values.size();  // sums for `figures` come behind them
    for (size_t i = 0; i < count; ++i) {
        const auto same = [&](const auto& other) { return other.value == results[i].value; };
        if (std::any_of(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(i), same))
            continue;  // printed with the first
        std::string names = results[i].name, unit = results[i].unit;
        for (size_t k = i + 1; k < count; ++k)
            if (same(results[k])) {
                names += ", " + results[k].name;
                if (unit.empty()) unit = results[k].unit;
            }
        figures[names] = result.values[i].second;
        if (!unit.empty()) units[names] = unit;
    }
    return figures;
}

/// Which examples are measured.
enum class Examined { kTest, kTraining, kValidation };

runtime::DataSplit split_of(Examined measured) {
    return measured == Examined::kTraining ? runtime::DataSplit::kTrain : runtime::DataSplit::kTest;
}

Examined measured_data(const CommandLine& line) {
    const bool validation = line.flag("validation-data"), training = line.flag("train-data");
    if (validation && (training || !line.list("data").empty()))
        throw UsageError(
            fmt::format("--validation-data and {} both say which examples are read: leave one out",
                        training ? "--train-data" : "--data"));
    return validation ? Examined::kValidation : training ? Examined::kTraining : Examined::kTest;
}

/// Whether the run kept the examples out of training that the model says; it did where that is the
/// model that it keeps. False after an error: others would be measured than the run has not seen.
bool kept_out_as_said(const TrainedModel& trained, const runtime::RunRecord& record,
                      Diagnostics& diagnostics) {
    const ir::RunPolicy& policy = trained.model->module().run;
    std::error_code none;
    if (!policy.validates() || policy.validate_test ||
        record.validate_share == policy.validate_share ||
        std::filesystem::equivalent(trained.model->path(), trained.folder + "/model.gmc", none))
        return true;
    const std::string kept = record.validate_share == 0
                                 ? "no share of its data"
                                 : fmt::format("a share of {}", record.validate_share);
    diagnostics
        .error(DiagnosticKind::kBadValue, {},
               "the run in `{}` kept {} out of training, but `{}` says a share of {}",
               trained.folder, kept, trained.model->path(), policy.validate_share)
        .help(fmt::format("`gmrun eval {} --validation-data` takes the model that the run keeps",
                          trained.folder));
    return false;
}

/// The figures of the validation data, computed as the run computes them after an epoch: with its
/// kernels and, unless --seed is given, its seed. `choices`: for the kernels; it has to outlive the
/// model.
Result<runtime::EvaluationResult> evaluate_validation(const CommandLine& line,
                                                      const TrainedModel& trained,
                                                      runtime::TuningCache& choices,
                                                      Diagnostics& diagnostics) {
    runtime::LoadedModel& model = *trained.model;
    const std::string file = trained.folder + "/run.json";
    if (is_there(file)) {
        const auto record = runtime::read_run_record(file, diagnostics);
        if (!record.ok() || !kept_out_as_said(trained, *record, diagnostics)) return Failure{};
        if (keeps_to_avx2(line, trained.folder)) keep_to_avx2(trained.folder);
        if (!record->bf16) model.disable_bf16();
        choices.pin(record->contractions);
        choices.measure_nothing();
        if (record->tuned) model.set_tuning(&choices);
    }
    const uint64_t own = trained.training.seed;
    const auto loader = runtime::validation_loader(
        model, own, {model.batch_size(), runtime::LoaderMode::kEvaluate, own, 2}, diagnostics);
    if (!loader.ok()) return Failure{};
    auto result = runtime::evaluate(
        model, **loader, line.given("seed") ? line.get<uint64_t>("seed") : own, diagnostics);
    (*loader)->dataset().add_warnings(diagnostics);
    return result;
}

/// For the first line of the report. A model without test data is measured on its training data,
/// and says so.
std::string what_was_measured(runtime::LoadedModel& model, Examined measured) {
    const ir::RunPolicy& policy = model.module().run;
    if (measured == Examined::kValidation)
        return policy.validate_test
                   ? "test data, with which the run validates"
                   : fmt::format("training data that `validate: {}` kept out of training",
                                 policy.validate_share);
    if (model.data().is_replaced()) return "data that --data names";
    if (!reads_training_data(model, split_of(measured))) return "test data";
    return "training data" + kept_out(model, split_of(measured)) +
           (measured == Examined::kTraining ? "" : ": the model names no test data");
}

/// The word for the data in JSON.
const char* word_for_data(runtime::LoadedModel& model, Examined measured) {
    if (measured == Examined::kValidation) return "validation";
    if (model.data().is_replaced()) return "given";
    return reads_training_data(model, split_of(measured)) ? "train" : "test";
}

/// "32 examples", or of sets of different length "32 examples of `a` and the 50 of `b` and `kind`".
std::string how_many(const runtime::EvaluationResult& result) {
    std::string text;
    for (const auto& [fields, examples] : result.sets) {
        std::string names;
        for (size_t i = 0; i < fields.size(); ++i)
            names += (i == 0 ? "`" : i + 1 == fields.size() ? "` and `" : "`, `") + fields[i];
        text += text.empty() ? counted(examples, "example") : fmt::format(" and the {}", examples);
        text += fmt::format(" of {}`", names);
    }
    return text.empty() ? counted(result.examples, "example") : text;
}

/// `units` has those figures that have a unit.
void print_json(const TrainedModel& trained, Examined measured,
                const runtime::EvaluationResult& result, const Figures& figures,
                const Json& units) {
    runtime::LoadedModel& model = *trained.model;
    Figures json{{"model", model.module().name},
                 {"run", trained.folder},
                 {"step", trained.training.step},
                 {"data", word_for_data(model, measured)},
                 {"examples", result.examples}};
    for (const auto& [fields, examples] : result.sets)
        for (const std::string& field : fields) json["examples_of"][field] = examples;
    if (const int64_t step = trained.training.weights_step(); step != trained.training.step)
        json["weights_step"] = step;
    const double share = model.module().run.validate_share;
    if (share > 0 &&
        (measured == Examined::kValidation || !kept_out(model, split_of(measured)).empty()))
        json["validate_share"] = share;
    if (!units.names().empty()) json["units"] = units;
    if (const std::string field = runtime::compared_with(model);
        !field.empty() && figures.contains("samples"))
        json["samples_compared_with"] = field;
    json.update(figures);
    for (const std::string& name : figures.names()) {  // JSON has no word for them but null
        const Json& figure = figures.at(name);
        if (!figure.is_number() || std::isfinite(figure.number())) continue;
        json["nonfinite"][name] = std::isnan(figure.number()) ? "nan"
                                  : figure.number() > 0       ? "inf"
                                                              : "-inf";
    }
    print_out("{}\n", json.dump());
}

/// The same as text.
void print_figures(const Figures& figures, const Json& units) {
    for (const std::string& name : figures.names())
        print_out("  {:24} {:.6g}{}\n", name, unsigned_nan(figures.at(name).number()),
                  units.contains(name) ? " " + units.at(name).text() : "");
}

void add_eval_options(CommandLine& line) {
    add_run(line);
    add_own_data(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_flag("train-data", "evaluate on the training data instead");
    line.add_flag("validation-data",
                  "evaluate on the data that the run validates with instead: those that `train: "
                  "{validate: 0.1}` keeps out of training, or for `validate: test` the test data; "
                  "with the run's seed, so that the figures of its last epoch come out");
    line.add_option<int64_t>("samples", "N", "how many samples to draw for figures about samples",
                             10000, Range{2, 10'000'000});
    line.add_option<std::string>(
        "classifier", "MODEL",
        "a trained classifier with the functions features(image) and classify(image), as a .gmc "
        "file or a run's folder. Adds the Frechet distance between the features of samples and of "
        "test data and, if samples take a label, the share that is classified as that label");
    line.add_option<uint64_t>("seed", "N", "seed of random numbers in the losses, and of samples",
                              1);
    line.add_flag("json", "print one JSON object");
}

}  // namespace

/// 1. Losses and metrics over the data.
/// 2. For models of points, the modes that samples cover.
/// 3. With --classifier, how samples look to a trained classifier.
/// JSON has every figure under its own name; the text prints figures of equal value once.
int eval_command(const Words& words) {
    CommandLine line(
        "gmrun eval [options] MODEL",
        "Evaluates a trained model: every loss and metric, over all examples of the test "
        "data (of the training data where the model names none); a figure of a set with "
        "`order: own` over all of that. For a model of points from `ring` "
        "or `grid` also counts the modes that samples "
        "cover. A mode is covered when at least a tenth of its fair share of the samples are "
        "within 3 sigma of it.");
    add_eval_options(line);
    if (!line.parse(words)) return kDone;
    const auto samples = line.get<int64_t>("samples");
    const auto seed = line.get<uint64_t>("seed");
    const Examined measured = measured_data(line);
    Diagnostics diagnostics;
    runtime::TuningCache choices("", runtime::tuning_machine());
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    runtime::LoadedModel& model = *trained->model;
    if (!use_own_data(line, model, "evaluate", diagnostics)) return report(diagnostics);
    const auto result = measured == Examined::kValidation
                            ? evaluate_validation(line, *trained, choices, diagnostics)
                            : runtime::evaluate(model, split_of(measured), seed, diagnostics);
    if (!result.ok()) return report(diagnostics);
    Figures figures;
    Json units = Json::object();
    if (line.flag("json"))
        for (const auto& [name, value] : result->values) {
            figures[name] = value;
            if (const std::string unit = model.module().unit_of(name); !unit.empty())
                units[name] = unit;
        }
    else
        figures = figures_of(model, *result, units);
    if (!add_modes(model, samples, seed, figures, diagnostics)) return report(diagnostics);
    if (line.has("classifier") &&
        !add_classifier(model, line.text("classifier"), samples, seed, figures, diagnostics))
        return report(diagnostics);
    report_warnings(diagnostics);
    if (line.flag("json")) {
        print_json(*trained, measured, *result, figures, units);
        return kDone;
    }
    const int64_t step = trained->training.step, weights = trained->training.weights_step();
    print_out(
        "{} after {}, {}over the {} of the {}\n", trained->folder, counted(step, "step"),
        weights == step ? "" : fmt::format("with {}, ", runtime::name_of_earlier_weights(weights)),
        how_many(*result), what_was_measured(model, measured));
    if (!result->of_several.empty())
        print_out(
            "  `{}` {} over the longest of the sets that {} of; the shorter ones begin again\n",
            fmt::join(result->of_several, "`, `"), result->of_several.size() == 1 ? "goes" : "go",
            result->of_several.size() == 1 ? "it is" : "they are");
    if (const std::string field = runtime::compared_with(model);
        !field.empty() && figures.contains("samples"))
        print_out("  samples are compared with the data `{}`\n", field);
    print_figures(figures, units);
    return kDone;
}

}  // namespace gmc::tools
