// gmrun info: describes a compiled model, and its run if there is one.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "compiler/support/wrap.h"
#include "runtime/files/tables/table.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/run_history.h"

namespace gmc::tools {
namespace {

/// Whether it is no layer of a network but an entry of the model's `parameters`, whose only tensor
/// has its name.
bool is_parameter(const ir::Module& module, const ir::Layer& layer) {
    return module.find_state(layer.name) != ir::kNone;
}

/// The parameters of `layer`, whose names go on behind it: `encoder.dense.weight`.
int64_t parameters_of(const ir::Module& module, const ir::Layer& layer) {
    int64_t count = 0;
    for (const ir::State& state : module.states)
        if (state.role == ir::StateRole::kParameter &&
            (state.name == layer.name || state.name.starts_with(layer.name + ".")))
            count += state.type.elements();
    return count;
}

/// Numbers of states by role, and each function with what it takes and gives.
Json describe(const ir::Module& module) {
    int64_t parameters = 0, frozen = 0, statistics = 0, slots = 0;
    for (const ir::State& s : module.states)
        (s.role == ir::StateRole::kParameter   ? parameters
         : s.role == ir::StateRole::kStatistic ? statistics
                                               : slots) += s.type.elements();
    for (const ir::State& s : module.states)
        if (s.role == ir::StateRole::kParameter &&
            ir::is_frozen(module.networks, s.name.substr(0, s.name.find('.'))))
            frozen += s.type.elements();
    Json json{{"model", module.name},        {"parameters", parameters},
              {"frozen_parameters", frozen}, {"statistics", statistics},
              {"optimizer_numbers", slots},  {"functions", Json::array()}};
    json["layers"] = Json::array();
    for (const ir::Layer& layer : module.layers)
        json["layers"].push_back({{"name", layer.name},
                                  {"kind", layer.kind},
                                  {"shape", layer.shape},
                                  {"parameters", parameters_of(module, layer)}});
    for (const ir::Function& f : module.functions) {
        if (f.is_body) continue;
        Json function{
            {"name", f.name},
            {"operations", f.operations.size()},
            {"arena_mb", static_cast<double>(std::max<int64_t>(f.arena_bytes, 0)) / (1 << 20)}};
        function["inputs"] = Json::array();
        for (const ir::Input& i : f.inputs)
            function["inputs"].push_back(fmt::format("{}: {} = {}", f.values[i.value].name,
                                                     ir::to_string(f.type(i.value)),
                                                     ir::to_string(i.source)));
        function["results"] = Json::array();
        for (const ir::NamedValue& r : f.results)
            function["results"].push_back(
                fmt::format("{}: {}", r.name, ir::to_string(f.type(r.value))));
        json["functions"].push_back(function);
    }
    return json;
}

/// ", frozen, from runs/classifier", as far as that is so.
std::string about(const ir::Module& module, const std::string& name) {
    for (const ir::Network& network : module.networks)
        if (network.name == name)
            return (network.frozen ? ", frozen" : "") +
                   (network.weights.empty() ? "" : ", from " + network.weights);
    return "";
}

/// All layers, those without parameters too, under the names of their networks; then parameters
/// that stand alone.
void print_networks(const ir::Module& module) {
    std::vector<std::pair<std::string, int64_t>> networks;
    std::vector<std::string> lines;
    std::string alone;
    for (const ir::Layer& layer : module.layers) {
        const size_t dot = layer.name.find('.');
        const std::string network = layer.name.substr(0, dot);
        if (is_parameter(module, layer)) {
            alone += fmt::format("parameter {}: {}, {}{}\n", network, ir::to_string(layer.shape),
                                 counted(parameters_of(module, layer), "number"),
                                 about(module, network));
            continue;
        }
        if (networks.empty() || networks.back().first != network) {
            networks.push_back({network, 0});
            lines.emplace_back();
        }
        const int64_t parameters = parameters_of(module, layer);
        networks.back().second += parameters;
        std::string name = layer.name.substr(dot + 1);
        if (!name.starts_with(layer.kind)) name += fmt::format(" ({})", layer.kind);
        lines.back() +=
            fmt::format("    {:<32} {:>16} {:>10}\n", name, ir::to_string(layer.shape), parameters);
    }
    for (size_t i = 0; i < networks.size(); ++i)
        print_out("network {}: {}{}\n{}", networks[i].first,
                  counted(networks[i].second, "parameter"), about(module, networks[i].first),
                  lines[i]);
    print_out("{}", alone);
}

void print_data(const std::string& what, const std::vector<ir::DataField>& fields) {
    for (const ir::DataField& field : fields) {
        print_out("{} {}: {} {}", what, field.name, field.format, field.source);
        const auto table = runtime::Table::parse(field.table);
        if (field.shape.empty())
            print_out(", labels");
        else if (table)
            print_out(", {} in a row", counted(table->width(), "value"));
        else
            print_out(", {} from {:g} to {:g}", ir::to_string(field.shape), field.range.low,
                      field.range.high);
        if (field.classes > 0)
            print_out(", {} class{}", field.classes, field.classes == 1 ? "" : "es");
        print_out("\n");
        if (!table) continue;
        for (const std::string& line : table->describe_shortly()) print_out("    {}\n", line);
    }
}

/// Names of folders hold what they like; a terminal gets one line of it.
std::string one_line(std::string name) {
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return name;
}

/// A sign that stands, with what shows it; or in short one that is gone.
void print_sign(const Json& sign) {
    const std::string name = one_line(sign.at("name").text()),
                      text = one_line(sign.at("text").text());
    const int64_t epoch = sign.at("epoch").whole();
    if (sign.contains("gone_in_epoch"))
        print_out("    sign {}: gone in epoch {}, told in epoch {}\n", name,
                  sign.at("gone_in_epoch").whole(), epoch);
    else
        print_out("    sign {}, since epoch {} (step {}): {}\n", name, epoch,
                  sign.at("step").whole(), text);
}

void print_run(const Json& run) {
    std::string begun;
    if (run.contains("begun_with"))
        for (const std::string& weights : run.at("begun_with").texts())
            begun += (begun.empty() ? ", begun with weights of " : " and of ") + weights;
    else if (run.contains("init"))  // an older run
        begun = ", begun with weights of " + run.at("init").text();
    std::string far;
    if (run.contains("step"))
        far = fmt::format("epoch {}, step {}", run.at("epoch").dump(), run.at("step").dump());
    if (run.contains("checkpoint"))
        far = "its checkpoint cannot be read" +
              (far.empty() ? "" : fmt::format(" (the log ends at {})", far));
    const std::string seed = run.contains("seed") ? ", seed " + run.at("seed").dump() : "";
    print_out("run {}: {}{}{}\n", run.at("folder").text(), far, seed, begun);
    if (run.contains("local_steps"))
        print_out("    local steps: {}\n", run.at("local_steps").text());
    if (run.contains("changes"))
        for (const std::string& change : run.at("changes").texts())
            print_out("    {}\n", one_line(change));
    if (run.contains("rollbacks"))
        print_out("    training went back {} after divergence\n",
                  counted(run.at("rollbacks").whole(), "time"));
    if (run.contains("weights_step"))
        print_out("    the checkpoint has {}\n",
                  runtime::name_of_earlier_weights(run.at("weights_step").whole()));
    if (run.contains("rate_factor"))
        print_out("    updates are {:.4g} of what the model says: `lower_rate` made them smaller\n",
                  run.at("rate_factor").number());
    if (run.contains("diverged"))
        print_out("    training ended since {}\n", one_line(run.at("diverged").text()));
    if (run.contains("ended_early"))
        print_out("    training ended early: {}\n", one_line(run.at("ended_early").text()));
    if (run.contains("best"))
        for (const Json& best : run.at("best").elements())
            print_out("    best: `{}` of the validation data, {:.6g} in epoch {}\n",
                      best.at("figure").text(), best.at("value").number(),
                      best.at("epoch").whole());
    if (run.contains("signs"))
        for (const Json& sign : run.at("signs").elements()) print_sign(sign);
}

/// Why early stopping has ended the run, "" where it has not. Epochs from before --more-epochs went
/// on after that do not count.
std::string why_early(const ir::Module& module, const runtime::TrainingState& training,
                      const std::string& folder) {
    const ir::RunPolicy& policy = module.run;
    Diagnostics unreadable;
    const auto record = runtime::read_run_record(folder + "/run.json", unreadable);
    const int64_t from = record.ok() ? record->patient_from : 0;
    const int64_t waited = std::min(training.stopping.epochs_since, training.pass - from);
    if (policy.stopping_metric.empty() || waited < policy.patience) return "";
    // What ended in its last epoch did not end early.
    const std::optional<int64_t> asked = record.ok() ? record->epochs : std::nullopt;
    if (module.training && training.pass >= asked.value_or(module.training->epochs)) return "";
    return fmt::format("`{}` of the validation data got no better for {}", policy.stopping_metric,
                       counted(waited, "epoch"));
}

/// The best values of the figures that are watched, and their epochs.
Json best_of(const runtime::TrainingState& training) {
    Json all = Json::array();
    for (const runtime::Watched* watched : {&training.best, &training.stopping}) {
        if (!watched->best || watched->figure.empty() ||
            (watched == &training.stopping && watched->figure == training.best.figure &&
             watched->best == training.best.best))
            continue;
        all.push_back({{"figure", watched->figure},
                       {"value", *watched->best},
                       {"epoch", training.pass - watched->epochs_since}});
    }
    return all;
}

/// What a user asks first: what it is, and what it learns from.
void print_model(const ir::Module& module) {
    print_out("{}{}{}\n", module.name, module.description.empty() ? "" : ": ", module.description);
    print_networks(module);
    print_data("data", module.data);
    print_data("test data", module.test);
    if (module.training)
        print_out("training: {} epoch{}, batches of {}\n", module.training->epochs,
                  module.training->epochs == 1 ? "" : "s", module.training->batch_size);
}

/// How far it got.
void print_training(const Json& json, bool is_known) {
    if (json.contains("run"))
        print_run(json.at("run"));
    else if (json.contains("run_without_checkpoint"))
        print_out("run {}: it has no checkpoint: {}\n",
                  json.at("run_without_checkpoint").at("folder").text(),
                  one_line(json.at("run_without_checkpoint").at("because").text()));
    else if (is_known)
        print_out("no run yet\n");
}

/// What the compiler made of it.
void print_functions(const Json& json) {
    const std::string frozen = json.at("frozen_parameters").dump();
    print_out("\ncompiled: {} parameters{}, {} running statistics, {} optimizer numbers\n",
              json.at("parameters").dump(),
              frozen == "0" ? "" : fmt::format(" ({} of them frozen)", frozen),
              json.at("statistics").dump(), json.at("optimizer_numbers").dump());
    for (const Json& f : json.at("functions").elements()) {
        print_out("  {} ({} operations, arena {:.1f} MiB)\n", f.at("name").text(),
                  f.at("operations").dump(), f.at("arena_mb").number());
        for (const Json& i : f.at("inputs").elements()) print_out("    takes {}\n", i.text());
        for (const Json& r : f.at("results").elements()) print_out("    gives {}\n", r.text());
    }
}

void print_classes(const Json& classes) {
    for (const std::string& field : classes.names()) {
        std::string text = fmt::format("  classes of {}:", field);
        const std::vector<Json>& names = classes.at(field).elements();
        for (size_t k = 0; k < names.size(); ++k)
            text += fmt::format("{} {} {}", k == 0 ? "" : ",", k, one_line(names[k].text()));
        print_out("{}\n", wrapped(text, 6));
    }
}

/// What a checkpoint says of training, also where its states are not those of `model`, which is an
/// error (null: that cannot be loaded). Nothing where it cannot be read.
std::optional<runtime::TrainingState> training_of(const std::string& folder,
                                                  runtime::LoadedModel* model,
                                                  Diagnostics& diagnostics) {
    const std::string path = folder + "/" + runtime::kCheckpointName;
    runtime::TrainingState training;
    if (model != nullptr &&
        runtime::read_checkpoint(path, model->states(), training, diagnostics)) {
        say_of_another(*model, folder, path);
        return training;
    }
    Diagnostics heard;
    auto header = runtime::read_checkpoint_header(path, model ? heard : diagnostics);
    if (header.ok()) return header->training;
    runtime::help_with_kept_checkpoint(folder, diagnostics);
    return std::nullopt;
}

/// Adds what the checkpoint and the log of a run say. Where the checkpoint cannot be read, the log
/// tells how far training got.
void add_progress(const std::string& folder, runtime::LoadedModel* model, Json& run,
                  Diagnostics& diagnostics) {
    run["folder"] = folder;
    const auto training = training_of(folder, model, diagnostics);
    if (training) {
        run["step"] = training->step;
        run["epoch"] = training->pass;
        run["seed"] = training->seed;
        if (!training->init.empty()) run["init"] = training->init;
        if (training->rate < 1) run["rate_factor"] = training->rate;
        if (const Json best = best_of(*training); best.size() > 0) run["best"] = best;
        if (training->weights_step() != training->step)
            run["weights_step"] = training->weights_step();
    } else {
        run["checkpoint"] = "unreadable";
        RunHistory told;
        told.folder = folder;
        Diagnostics unheard;  // why_diverged() says what keeps the log from being read
        (void)read_log(told, unheard);
        if (told.step > 0) {
            run["step"] = told.step;
            run["epoch"] = told.epoch;
        }
    }
    const auto why = runtime::why_diverged(folder, diagnostics);
    if (!why.ok()) return;
    if (!why->empty())
        run["diverged"] = *why;
    else if (const std::string early =
                 training && model ? why_early(model->module(), *training, folder) : "";
             !early.empty())
        run["ended_early"] = early;
    const auto notes = notes_of(folder, diagnostics);
    if (!notes.ok()) return;
    if (!notes->changes.empty()) run["changes"] = notes->changes;
    for (const ToldSign& told : notes->signs) {
        Json sign{{"name", told.full_name()},
                  {"epoch", told.epoch},
                  {"step", told.step},
                  {"text", told.text}};
        if (told.gone) sign["gone_in_epoch"] = *told.gone;
        if (!run.contains("signs")) run["signs"] = Json::array();
        run["signs"].push_back(sign);
    }
    // The log knows those since the checkpoint, too; but it may be lost.
    const int64_t rollbacks = std::max(notes->rollbacks, training ? training->retries : 0);
    if (rollbacks > 0) run["rollbacks"] = rollbacks;
}

/// Adds how far a run got, with a checkpoint or without one.
void add_run_of(const std::string& folder, runtime::LoadedModel* model, Json& json,
                Diagnostics& diagnostics) {
    if (runtime::has_checkpoint(folder))
        return add_progress(folder, model, json["run"], diagnostics);
    const auto diverged = runtime::why_diverged(folder, diagnostics);
    json["run_without_checkpoint"] = {
        {"folder", folder},
        {"because", diverged.ok() && !diverged->empty() ? "training ended since " + *diverged
                                                        : why_no_checkpoint(folder)}};
}

/// Adds what run.json says of a run.
void add_record_of(const std::string& folder, Json& json, Diagnostics& diagnostics) {
    if (!is_there(folder + "/run.json")) return;
    const auto record = runtime::read_run_record(folder + "/run.json", diagnostics);
    if (!record.ok()) return;
    if (!record->data.empty()) json["data"] = record->data;
    if (!json.contains("run")) return;
    Json& run = json["run"];
    if (!run.contains("seed")) run["seed"] = record->seed;
    if (!record->begun_with.empty()) run["begun_with"] = record->begun_with;
    if (const std::string local = local_steps_of(*record); !local.empty())
        run["local_steps"] = local;
}

}  // namespace

/// The run is optional: a model that nobody trained is described without it. The text is printed
/// from the same JSON that --json prints. Where a file of the run is damaged, what the others say
/// is printed all the same, and then the error.
int info_command(const Words& words) {
    CommandLine line(
        "gmrun info [options] MODEL",
        "Describes a compiled model: its layers, its data and how far its run was trained, then "
        "what the compiler made of it.");
    add_run(line);
    line.add_flag("json", "print one JSON object");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    auto loaded = load_model(line, diagnostics);
    runtime::LoadedModel* const model = loaded.ok() ? loaded->get() : nullptr;
    Json json = model ? describe(model->module()) : Json::object();
    std::string folder;
    if (model)
        folder = run_folder(line, model->module(), Needs::kCheckpoint);
    else if (const std::string given = line.has("run") ? line.text("run") : line.text("MODEL");
             is_folder(given) && is_there(given + "/run.json"))
        folder = given;
    if (model && line.has("run")) {
        const auto found = run_folder(line.text("run"), Needs::kNothing, diagnostics);
        folder = found.ok() ? *found : "";
    }
    if (!folder.empty()) add_run_of(folder, model, json, diagnostics);
    if (model)
        for (const ir::DataField& field : model->module().data)
            if (!field.class_names.empty()) json["classes"][field.name] = field.class_names;
    if (!folder.empty()) add_record_of(folder, json, diagnostics);
    if (line.flag("json") && json.size() > 0) {
        print_out("{}\n", json.dump());
    } else {
        if (model) print_model(model->module());
        print_training(json, model != nullptr && !line.has("run"));
        if (json.contains("classes")) print_classes(json.at("classes"));
        if (json.contains("data")) print_out("  data: {}\n", json.at("data").text());
        if (model) print_functions(json);
    }
    if (!diagnostics.any()) return kDone;
    std::fflush(stdout);
    return report(diagnostics);
}

}  // namespace gmc::tools
