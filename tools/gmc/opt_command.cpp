// gmc opt: runs single passes on a module as text and prints the result. Tests of passes use it,
// and it is the tool for debugging a pass.
#include <filesystem>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/printer.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "tools/command_line/output_files.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/pass_flags.h"

namespace gmc::tools {

/// A module without a checksum is accepted, since text that a person wrote or edited has none.
int opt_command(const Words& words) {
    CommandLine line(
        "gmc opt [options] FILE",
        "Reads a module as text (a .gmc file or a dump, with or without its "
        "checksum), runs the passes that "
        "--passes names, and prints the module. Passes, in the order of `gmc compile`:\n" +
            pass_table());
    line.add_argument("FILE", "the module; - for the standard input");
    line.add_option<std::string>("output,o", "FILE",
                                 "writes a .gmc file, with its checksum, instead of printing");
    add_pass_flags(line);
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".gmc"});
    const std::filesystem::path file = line.text("FILE");
    std::error_code none;
    if (line.has("dump-dir") && file.string().ends_with(".gmc") &&
        std::filesystem::equivalent(std::filesystem::absolute(file, none).parent_path(),
                                    line.text("dump-dir"), none))
        throw UsageError(fmt::format("--dump-dir is the folder of `{}`, which it may write over",
                                     line.text("FILE")));
    const passes::PassOptions options = pass_options(line);
    const std::vector<passes::Stage> stages = chosen_stages(line, {});

    Diagnostics diagnostics;
    Result<ir::Module> module =
        ir::read_artefact(line.text("FILE"), {.require_checksum = false}, diagnostics);
    if (!module || !passes::run_stages(*module, stages, options, diagnostics))
        return report(diagnostics);
    if (!line.has("output")) {
        print_out("{}", ir::print(*module));
        return kDone;
    }
    const std::string output = line.text("output");
    if (OutputFiles({line.text("FILE")}).may_write(output, diagnostics))
        ir::write_file(followed(output), ir::artefact_text(*module), diagnostics);
    return report(diagnostics);
}

}  // namespace gmc::tools
