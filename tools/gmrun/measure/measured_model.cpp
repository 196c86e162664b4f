// Options and loading of a model for bench, plan and profile.
#include "tools/gmrun/measure/measured_model.h"

#include "tools/gmrun/run_source.h"

namespace gmc::tools {

void add_measuring(CommandLine& line, int64_t steps) {
    line.add_argument("MODEL", "a .gmc file, or the folder of a run");
    line.add_option<int64_t>("steps", "N", "steps that count, after three that do not", steps,
                             Range{1, 10'000});  // all their times are kept
    line.add_flag("json", "print one JSON object");
    add_tuning(line);
}

Result<MeasuredModel> load_measured(const CommandLine& line, Diagnostics& diagnostics,
                                    runtime::ProcessGroup* group) {
    auto model = load_model(line, diagnostics, runtime::LoadedModel::Purpose::kUse, {group});
    if (!model.ok()) return Failure{};
    MeasuredModel measured;
    measured.model = model.take();
    measured.tuning = std::make_unique<Tuning>(line, *measured.model);
    return measured;
}

}  // namespace gmc::tools
