// gmc schema: prints the model language as JSON Schema for editors, or as a reference page.
#include "compiler/support/say.h"
#include "dsl/schema/schema.h"
#include "tools/command_line/command_line.h"
#include "tools/gmc/commands.h"

namespace gmc::tools {

int schema_command(const Words& words) {
    CommandLine line("gmc schema [options]",
                     "Prints the model language as JSON Schema, which editors use to complete and "
                     "check; with --reference the "
                     "page that people read (dsl/REFERENCE.md).");
    line.add_flag("reference", "print the reference page instead");
    if (!line.parse(words)) return kDone;
    print_out("{}", line.flag("reference") ? dsl::language_reference() : dsl::json_schema() + "\n");
    return kDone;
}

}  // namespace gmc::tools
