// Reads --set-input beside what the run's record says of the training data.
#include "tools/gmrun/input_settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "compiler/support/say.h"
#include "runtime/run/run_record.h"
#include "runtime/train/sampler.h"

namespace gmc::tools {
namespace {

using Ranges = std::map<std::string, runtime::ValueRange>;

/// What a model makes of numbers that it was not trained with means little.
void check_range(const runtime::InputSetting& setting, const Ranges& ranges,
                 Diagnostics& diagnostics) {
    const auto found = ranges.find(setting.field);
    if (found == ranges.end()) return;
    const auto [low, high] = found->second;
    const float slack = (high - low) / 10;  // not all of the data were looked at
    for (const std::vector<float>* values : {&setting.first, &setting.last})
        for (const float value : *values) {
            if (value >= low - slack && value <= high + slack) continue;
            diagnostics.warning(
                DiagnosticKind::kBadValue, {},
                "`{}` is set to {}, but in the training data it is {:.4g} to {:.4g}", setting.field,
                value, low, high);
            return;
        }
}

void say_usual(const runtime::InputSetting& setting) {
    const std::string values = setting.steps == 1
                                   ? fmt::format("{:.4g}", setting.first[0])
                                   : fmt::format("{:.4g} to {:.4g} in {} steps", setting.first[0],
                                                 setting.last[0], setting.steps);
    say("gmrun: `{}` is {}, as in the training data; `--set-input {}={:.4g}` sets it\n",
        setting.field, values, setting.field, setting.first[0]);
}

}  // namespace

void add_settings(CommandLine& line, const std::string& each) {
    line.add_list("set-input", "NAME=VALUE",
                  "what the data field NAME is in samples, where the function takes it: angle=0.3, "
                  "or angle=-1:1:8 for 8 values from -1 to 1, " +
                      each +
                      "; by default it goes through the range that it has in the training "
                      "data");
}

bool read_settings(const CommandLine& line, const runtime::TrainedModel& trained,
                   const std::string& function, std::vector<runtime::InputSetting>& settings,
                   Diagnostics& diagnostics) {
    for (const std::string& text : line.list("set-input")) {
        const auto setting = runtime::parse_input_setting(text, diagnostics);
        if (!setting.ok()) return false;
        settings.push_back(*setting);
    }
    const ir::Module& module = trained.model->module();
    const ir::Function* called = module.find_function(function);
    Diagnostics unreadable;  // an old run has no record
    const auto record = runtime::read_run_record(trained.folder + "/run.json", unreadable);
    if (!record.ok() || called == nullptr) return true;
    for (const runtime::InputSetting& setting : settings)
        check_range(setting, record->ranges, diagnostics);
    report_warnings(diagnostics);
    for (const runtime::InputSetting& usual :
         runtime::usual_settings(module, *called, record->ranges, settings)) {
        say_usual(usual);
        settings.push_back(usual);
    }
    return true;
}

/// The usual settings, which nobody asked for, stand behind the others.
void warn_of_cut_grid(const CommandLine& line, std::vector<runtime::InputSetting> settings,
                      int64_t shown, const std::string& option) {
    settings.resize(std::min(settings.size(), line.list("set-input").size()));
    const int64_t grid = runtime::grid_size(settings);
    if (shown >= grid) return;
    std::vector<std::string> names;
    for (const runtime::InputSetting& setting : settings)
        if (setting.steps > 1) names.push_back(setting.field);
    Diagnostics diagnostics;
    diagnostics
        .warning(DiagnosticKind::kBadValue, {},
                 "`--{} {}` shows the first {} of {} {} of `{}` only", option, shown, shown, grid,
                 names.size() > 1 ? "combinations" : "values", fmt::join(names, "` and `"))
        .help(fmt::format("`--{} {}` shows all of them", option, grid));
    report_warnings(diagnostics);
}

}  // namespace gmc::tools
