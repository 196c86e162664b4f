// gmc check: reads and builds a model, for its errors.
#include "compiler/support/say.h"
#include "dsl/data/data_files.h"
#include "dsl/lower/build.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/data_heads.h"
#include "tools/gmc/model_data.h"
#include "tools/gmc/model_source.h"

namespace gmc::tools {

/// Reads and builds, and with --data reads all data; each stage needs the one before to be right.
int check_command(const Words& words) {
    CommandLine line(
        "gmc check [options] MODEL",
        "Reports everything that is wrong with a model, with its place, and what its data show "
        "before they are read: headers, names and numbers of files. Writes nothing.");
    add_model(line);
    line.add_flag("data", "read every example of the data, too, and print what they are");
    line.add_flag("strict", "treat warnings as errors");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    const Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    const Result<ir::Module> module = lower::build_module(*spec, diagnostics);
    if (!module) {
        (void)dsl::check_data_files(*spec, false, diagnostics);
        return report(diagnostics);
    }
    print_tables(*module);
    const bool read_data = line.flag("data");
    if (!read_data) check_heads(*module, *spec, true, diagnostics);
    if (dsl::check_data_files(*spec, read_data, diagnostics) && read_data)
        check_data(*module, *spec, diagnostics);
    if (line.flag("strict")) diagnostics.warnings_to_errors();
    if (const int code = report(diagnostics); code != kDone) return code;
    print_out("{}: no errors\n", line.text("MODEL"));
    return kDone;
}

}  // namespace gmc::tools
