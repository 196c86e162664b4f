// Fuzz targets for the model language: whole models, and expressions.
#include "dsl/lower/build.h"
#include "dsl/text/expression.h"
#include "tests/fuzz/targets/file_of_bytes.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_yaml(std::string_view bytes) {
    const FileOfBytes file(bytes, ".yaml");
    Diagnostics diagnostics;
    const auto spec =
        dsl::read_model({file.path(), {}, {GMC_SOURCE_DIR "/models/recipes"}}, diagnostics);
    if (spec.ok()) (void)lower::build_module(*spec, diagnostics);
    (void)diagnostics.render();
}

void read_expression(std::string_view bytes) {
    Diagnostics diagnostics;
    const uint32_t file = diagnostics.sources().add("fuzz", std::string(bytes));
    (void)dsl::parse_expression(bytes, {file, 1, 1, 1}, diagnostics);
    (void)diagnostics.render();
}

}  // namespace gmc::fuzz
