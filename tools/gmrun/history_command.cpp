// gmrun history: puts the sample grids of a run's epochs into one picture.
#include <algorithm>
#include <filesystem>

#include "runtime/data/pictures/picture_file.h"
#include "runtime/output/image_grid.h"
#include "runtime/output/png.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

int history_command(const Words& words) {
    CommandLine line("gmrun history [options] RUN",
                     "Puts the grids that training drew after each epoch (samples/epoch-NNN.png) "
                     "below each other.");
    line.add_argument("RUN", "the folder of a run");
    line.add_option<std::string>("output,o", "FILE", "by default history.png in the run's folder");
    if (!line.parse(words)) return kDone;
    namespace fs = std::filesystem;
    Diagnostics diagnostics;
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(line.text("RUN") + "/samples", error))
        if (entry.path().extension() == ".png") files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    std::vector<runtime::LabelledImage> parts;
    for (const std::string& file : files) {
        auto image = runtime::read_picture(file, diagnostics);
        if (!image.ok()) return report(diagnostics);
        parts.push_back({fs::path(file).stem().string(), image.take()});
    }
    if (parts.empty())
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` has no sample grids in samples/",
                          line.text("RUN"));
    const std::string output =
        line.has("output") ? line.text("output") : line.text("RUN") + "/history.png";
    if (parts.empty() || !runtime::write_png(output, runtime::stack_labelled(parts), diagnostics))
        return report(diagnostics);
    fmt::print("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
