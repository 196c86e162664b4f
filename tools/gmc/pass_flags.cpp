// Names of passes are checked before anything runs.
#include "tools/gmc/pass_flags.h"

#include <fmt/format.h>

#include <algorithm>

namespace gmc::tools {

namespace po = boost::program_options;

namespace {

void check_names(const std::vector<std::string>& names) {
    std::vector<std::string> known;
    for (const passes::Pass& pass : all_passes()) known.emplace_back(pass.name);
    for (const std::string& name : names)
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string near = suggestion(name, known);
            throw UsageError(fmt::format(
                "no pass `{}`{}", name,
                near.empty() ? fmt::format(" among {}", fmt::join(known, ", ")) : near));
        }
}

}  // namespace

void add_pass_flags(CommandLine& line) {
    line.options().add_options()  //
        ("passes", po::value<std::string>()->value_name("NAMES"),
         "runs these passes in this order, e.g. \"cse dce\"; `gmc opt --help` lists them")  //
        ("skip", po::value<std::string>()->value_name("NAMES"), "leaves passes out")        //
        ("stop-after", po::value<std::string>()->value_name("NAME"),
         "stops when this pass is done")  //
        ("print-after", po::value<std::string>()->value_name("NAMES"),
         "prints the module after passes")  //
        ("dump-dir", po::value<std::string>()->value_name("DIR"),
         "writes the module there after each pass that changed it, e.g. 07-cse.changed.gmc")  //
        ("time-passes", po::bool_switch(), "prints a table of the time that passes took");
}

std::string pass_table() {
    std::string table;
    for (const passes::Pass& pass : all_passes())
        table += fmt::format("{}  {:<18} {}", table.empty() ? "" : "\n", pass.name, pass.summary);
    return table;
}

passes::PassOptions pass_options(const CommandLine& line) {
    passes::PassOptions options;
    options.skip = line.names("skip");
    options.stop_after = line.text("stop-after");
    options.print_after = line.names("print-after");
    options.dump_folder = line.text("dump-dir");
    options.time_passes = line.flag("time-passes");
    check_names(options.skip);
    check_names(options.print_after);
    if (!options.stop_after.empty()) check_names({options.stop_after});
    return options;
}

std::vector<passes::Stage> chosen_stages(const CommandLine& line,
                                         const std::vector<passes::Stage>& otherwise) {
    if (!line.has("passes")) return otherwise;
    const std::vector<std::string> names = line.names("passes");
    check_names(names);
    std::string unknown;
    return stages_of(names, unknown);
}

}  // namespace gmc::tools
