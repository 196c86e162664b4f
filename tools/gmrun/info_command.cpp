// gmrun info: what is in a compiled model.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

nlohmann::ordered_json describe(const ir::Module& module) {
    int64_t parameters = 0, statistics = 0, slots = 0;
    for (const ir::State& s : module.states)
        (s.role == ir::StateRole::kParameter   ? parameters
         : s.role == ir::StateRole::kStatistic ? statistics
                                               : slots) += s.type.elements();
    nlohmann::ordered_json json{{"model", module.name},
                                {"parameters", parameters},
                                {"statistics", statistics},
                                {"optimizer_numbers", slots}};
    for (const ir::Function& f : module.functions) {
        nlohmann::ordered_json function{
            {"name", f.name},
            {"operations", f.operations.size()},
            {"arena_mb", static_cast<double>(std::max<int64_t>(f.arena_bytes, 0)) / (1 << 20)}};
        function["inputs"] = nlohmann::json::array();
        for (const ir::Input& i : f.inputs)
            function["inputs"].push_back(fmt::format("{}: {} = {}", f.values[i.value].name,
                                                     ir::to_string(f.type(i.value)),
                                                     ir::to_string(i.source)));
        function["results"] = nlohmann::json::array();
        for (const ir::NamedValue& r : f.results)
            function["results"].push_back(
                fmt::format("{}: {}", r.name, ir::to_string(f.type(r.value))));
        json["functions"].push_back(function);
    }
    return json;
}

void print_text(const nlohmann::ordered_json& json) {
    fmt::print("{}: {} parameters, {} running statistics, {} optimizer numbers\n",
               json["model"].get<std::string>(), json["parameters"].get<int64_t>(),
               json["statistics"].get<int64_t>(), json["optimizer_numbers"].get<int64_t>());
    for (const auto& f : json["functions"]) {
        fmt::print("  {} ({} operations, arena {:.1f} MiB)\n", f["name"].get<std::string>(),
                   f["operations"].get<int64_t>(), f["arena_mb"].get<double>());
        for (const auto& i : f["inputs"]) fmt::print("    takes {}\n", i.get<std::string>());
        for (const auto& r : f["results"]) fmt::print("    gives {}\n", r.get<std::string>());
    }
}

}  // namespace

int info_command(const Words& words) {
    CommandLine line("gmrun info [options] MODEL",
                     "Says what is in a compiled model, and where its run stands.");
    add_run(line);
    line.options().add_options()("json", boost::program_options::bool_switch(),
                                 "print one JSON object");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(model_path(line), diagnostics);
    if (!model.ok()) return report(diagnostics);
    auto json = describe((*model)->module());
    const std::string folder = run_folder(line, (*model)->module().name);
    if (!folder.empty() && std::filesystem::exists(folder + "/checkpoint")) {
        runtime::TrainingState training;
        if (!runtime::read_checkpoint(folder + "/checkpoint", (*model)->states(), training,
                                      diagnostics))
            return report(diagnostics);
        json["run"] = {{"folder", folder},
                       {"step", training.step},
                       {"epoch", training.cursor.epoch},
                       {"seed", training.seed}};
    }
    if (line.flag("json"))
        fmt::print("{}\n", json.dump());
    else
        print_text(json);
    if (!line.flag("json") && json.contains("run"))
        fmt::print("  run {}: step {}, seed {}\n", folder, json["run"]["step"].get<int64_t>(),
                   json["run"]["seed"].get<uint64_t>());
    return kDone;
}

}  // namespace gmc::tools
