// gmrun history: puts the sample grids of a run's epochs into one picture.
#include <algorithm>
#include <filesystem>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/output/image_grid.h"
#include "runtime/output/png.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

namespace {

namespace fs = std::filesystem;

/// The grids of a run, at most `most` of them: the first, the last, and others at equal distances.
/// Number i of them is file round(i (count - 1) / (most - 1)), so both ends are always among them.
std::vector<std::string> grids_of(const std::string& run, size_t most) {
    std::vector<std::string> all, chosen;
    for (const fs::path& picture : paths_in(run + "/samples"))
        if (picture.extension() == ".png") all.push_back(picture.string());
    std::sort(all.begin(), all.end());
    if (all.size() <= most) return all;
    if (most == 1) return {all.back()};
    for (size_t i = 0; i < most; ++i)
        chosen.push_back(all[(i * (all.size() - 1) + (most - 1) / 2) / (most - 1)]);
    return chosen;
}

}  // namespace

int history_command(const Words& words) {
    CommandLine line("gmrun history [options] RUN",
                     "Puts the grids that training drew after each epoch (samples/epoch-NNN.png) "
                     "into one picture.");
    line.add_argument("RUN", "the folder of a run, or a .gmc file: then its newest run");
    line.add_option<std::string>("output,o", "FILE", "by default history.png in the run's folder");
    line.add_option<int64_t>("columns", "N", "grids beside each other", 4, Range{1, 100});
    line.add_option<int64_t>("most", "N",
                             "grids in all: of more epochs the first, the last, and some between",
                             12, Range{1, 1000});
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".png"});
    const auto columns = line.get<int64_t>("columns"), most = line.get<int64_t>("most");
    Diagnostics diagnostics;
    std::vector<runtime::LabelledImage> parts;
    const auto run = run_folder(line.text("RUN"), Needs::kNothing, diagnostics);
    if (!run.ok()) return report(diagnostics);
    for (const std::string& file : grids_of(*run, static_cast<size_t>(most))) {
        auto image = runtime::read_picture(file, diagnostics);
        if (!image.ok()) return report(diagnostics);
        parts.push_back({fs::path(file).stem().string(), image.take()});
    }
    if (parts.empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` has no sample grids in samples/",
                          *run);
        return report(diagnostics);
    }
    const auto output = output_or(line, output_files({*run}), *run + "/history.png", diagnostics);
    if (!output.ok() ||
        !runtime::write_png(*output, runtime::stack_labelled(parts, columns), diagnostics))
        return report_output(line, diagnostics);
    print_out("{}\n", *output);
    return kDone;
}

}  // namespace gmc::tools
