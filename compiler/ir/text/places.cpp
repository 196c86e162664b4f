// How places in model files are shown in listings: with a short path, so that output does not
// depend on where the model lies.
#include "compiler/ir/text/places.h"

#include <fmt/format.h>

#include <filesystem>

namespace gmc::ir {

std::string short_place(const Module& module, const Location& location) {
    namespace fs = std::filesystem;
    if (!location.known()) return "";
    const fs::path file = module.files[location.file];
    fs::path shown = file.lexically_relative(fs::path(module.files[0]).parent_path());
    if (module.files[0].find('/') == std::string::npos) shown = file;
    if (shown.empty() || shown.is_absolute() || *shown.begin() == "..")
        shown = file.parent_path().filename() / file.filename();
    return fmt::format("{}:{}:{}", shown.string(), location.line, location.column);
}

}  // namespace gmc::ir
