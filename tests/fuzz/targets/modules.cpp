// Fuzz targets for modules: IR text, and compiled models as gmrun loads them.
#include "compiler/ir/artefact.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_ir(std::string_view bytes) {
    Diagnostics diagnostics;
    const auto module = ir::parse_module("fuzz", std::string(bytes), diagnostics);
    if (module.ok() && ir::verify(*module, diagnostics)) {
        const std::string printed = ir::print(*module);
        const auto again = ir::parse_module("printed", printed, diagnostics);
        GMC_CHECK(again.ok() && ir::print(*again) == printed, "no round trip:\n{}", printed);
    }
    (void)diagnostics.render();
}

void read_gmc(std::string_view bytes) {
    Diagnostics diagnostics;
    ir::ReadArtefactOptions options;
    options.require_checksum = false;  // a fuzzer would not guess it
    options.verify = {.allow_gradient = false, .planned = true, .runnable = true};
    (void)ir::read_artefact_text("fuzz.gmc", std::string(bytes), options, diagnostics);
    (void)diagnostics.render();
}

}  // namespace gmc::fuzz
