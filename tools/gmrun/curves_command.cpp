// gmrun curves: losses and metrics over the steps of one or several runs.
#include <algorithm>
#include <set>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/output/chart.h"
#include "runtime/output/image_grid.h"
#include "runtime/output/png.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/run_history.h"

namespace gmc::tools {
namespace {

/// The metric that was meant, or all that there are.
std::string otherwise(const std::string& name, const std::vector<std::string>& all) {
    const std::string near = suggestion(name, all);
    if (!near.empty() || all.empty()) return near;
    return fmt::format("; there {} {}", by_count(all.size(), "is", "are"), quoted_names(all));
}

/// Charts of one picture; each takes a megabyte or more, and nobody looks at more of them.
constexpr size_t kMostCharts = 64;

/// The metrics that are drawn: those asked for, else all but the speed, as the runs have them, up
/// to kMostCharts.
std::vector<std::string> metrics_of(const CommandLine& line, const std::vector<RunHistory>& runs) {
    std::vector<std::string> all;
    std::set<std::string> known;
    for (const RunHistory& run : runs)
        for (const std::string& name : run.order)
            if (known.insert(name).second) all.push_back(name);
    std::vector<std::string> asked = line.names("metrics");
    for (const std::string& name : asked)
        if (known.count(name) == 0)
            throw UsageError(fmt::format("no run has a metric `{}`{}", name, otherwise(name, all)));
    if (asked.size() > kMostCharts)
        throw UsageError(
            fmt::format("--metrics names {} metrics, and a picture has at most {} charts",
                        asked.size(), kMostCharts));
    if (!asked.empty()) return asked;
    std::erase(all, "examples_per_s");
    if (all.size() > kMostCharts) {
        say("gmrun: draws the first {} of {} metrics; --metrics names others\n", kMostCharts,
            all.size());
        all.resize(kMostCharts);
    }
    return all;
}

/// One chart per metric, one curve per run that has it. A metric without a point has no chart; that
/// is said.
bool draw_charts(const CommandLine& line, const std::vector<RunHistory>& runs,
                 const std::string& output, Diagnostics& diagnostics) {
    runtime::ChartOptions options;
    options.logarithmic = line.flag("log");
    options.smoothing = line.get<double>("smooth");
    options.width = line.get<int64_t>("width");
    std::vector<runtime::LabelledImage> charts;
    for (const std::string& metric : metrics_of(line, runs)) {
        std::vector<runtime::Curve> curves;
        std::string title;
        for (const RunHistory& run : runs)
            if (const auto series = run.series.find(metric); series != run.series.end()) {
                curves.push_back({run.folder, series->second.steps, series->second.values});
                title = run.title(metric);
            }
        if (!runtime::has_points(curves, options)) {
            diagnostics.warning(DiagnosticKind::kBadValue, {},
                                "`{}` has no finite value{}, so there is no chart of it", metric,
                                options.logarithmic ? " above 0" : "");
            continue;
        }
        auto chart = runtime::line_chart(curves, options, diagnostics);
        if (!chart.ok()) return false;
        charts.push_back({title + (options.logarithmic ? ", logarithmic" : ""), chart.take()});
    }
    if (charts.empty()) {
        diagnostics.error(DiagnosticKind::kBadValue, {}, "there is nothing to draw");
        return false;
    }
    report_warnings(diagnostics);
    return runtime::write_png(output, runtime::stack_labelled(charts), diagnostics);
}

}  // namespace

/// All runs are read before anything is drawn, so that a wrong folder leaves no half picture.
int curves_command(const Words& words) {
    CommandLine line("gmrun curves [options] RUN...",
                     "Draws the losses and metrics of runs over the steps of training: a chart for "
                     "each metric, a curve in it for each run.");
    line.add_arguments("RUN", "folders of runs, or .gmc files: then their newest runs");
    line.add_option<std::string>(
        "output,o", "FILE", "by default curves.png, in the run's folder where there is one run");
    line.add_option<std::string>("metrics", "NAMES",
                                 "what to draw, as in --metrics=\"loss kl\"; by default all");
    line.add_flag("log", "draw values on a logarithmic scale");
    line.add_option<double>("smooth", "SHARE",
                            "smooths: each point keeps this share of the point before, such as 0.9",
                            0, Range{.low = 0, .high = 1, .without_high = true});
    line.add_option<int64_t>("width", "PIXELS", "width of a chart", 900, Range{64, 8192});
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".png"});
    Diagnostics diagnostics;
    std::vector<RunHistory> runs;
    const auto folders = run_folders(line.list("RUN"), diagnostics);
    if (!folders.ok()) return report(diagnostics);
    for (const std::string& folder : *folders) {
        Result<RunHistory> run = read_run(folder, diagnostics);
        if (!run) return report(diagnostics);
        if (run->series.empty())
            diagnostics
                .warning(DiagnosticKind::kBadFile, {}, "`{}/metrics.jsonl` has no values to draw",
                         folder)
                .help("training writes a line per epoch or 50 steps; `--log-every` changes that");
        else
            runs.push_back(run.take());
    }
    if (runs.empty()) diagnostics.error(DiagnosticKind::kBadFile, {}, "there is nothing to draw");
    if (diagnostics.any()) return report(diagnostics);
    report_warnings(diagnostics);
    const auto output =
        output_or(line, output_files(*folders),
                  runs.size() == 1 ? runs[0].folder + "/curves.png" : "curves.png", diagnostics);
    if (!output.ok() || !draw_charts(line, runs, *output, diagnostics))
        return report_output(line, diagnostics);
    print_out("{}\n", *output);
    return kDone;
}

}  // namespace gmc::tools
