// gmc layers: what `import: NAME` adds to a model: the layers and functions of models/layers, with
// their parameters.
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wrap.h"
#include "dsl/importable.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/model_source.h"

namespace gmc::tools {
namespace {

namespace fs = std::filesystem;

/// The files that can be imported by name, by that name; a model's own come first.
std::map<std::string, fs::path> importable_files() {
    std::map<std::string, fs::path> files;
    for (const std::string& recipes : recipe_directories("")) {
        for (const fs::path& file : paths_in(fs::path(recipes).parent_path() / "layers"))
            if (file.extension() == ".yaml") files.emplace(file.stem().string(), file);
    }
    return files;
}

/// "causal" of "causal(n)".
std::string name_of(const std::string& function) { return function.substr(0, function.find('(')); }

/// Leaves the layer or function of this name only; false where there is none.
bool keep_only(const std::string& name, dsl::ImportableFile& file) {
    file.description.clear();
    std::erase_if(file.layers, [&](const dsl::ImportableLayer& l) { return l.name != name; });
    std::erase_if(file.functions, [&](const std::string& f) { return name_of(f) != name; });
    return !file.layers.empty() || !file.functions.empty();
}

void print_file(const std::string& name, const dsl::ImportableFile& file) {
    print_out("import: {}\n", name);
    if (!file.description.empty()) print_out("  {}\n", wrapped(file.description, 2));
    for (const dsl::ImportableLayer& layer : file.layers) {
        const std::string colon = layer.parameters.empty() ? "" : ": ";
        print_out("  {}\n", wrapped(layer.name + colon + layer.parameters, 6));
        if (!layer.description.empty()) print_out("      {}\n", wrapped(layer.description, 6));
        for (const std::string& condition : layer.conditions)
            print_out("      {}\n", wrapped("requires " + condition, 6));
    }
    if (!file.functions.empty())
        print_out("  {}\n",
                  wrapped(fmt::format("functions: {}", fmt::join(file.functions, ", ")), 6));
}

}  // namespace

int layers_command(const Words& words) {
    CommandLine line("gmc layers [NAME]",
                     "Prints the layers and functions that `import:` adds to a model, with their "
                     "parameters: those without a value have to be given.");
    line.add_argument("NAME", "a file of them, or one of the layers or functions", true);
    if (!line.parse(words)) return kDone;
    const std::string name = line.text("NAME");
    const std::map<std::string, fs::path> files = importable_files();
    Diagnostics diagnostics;
    std::vector<std::string> names;
    bool found = false;
    for (const auto& [file, path] : files) {
        if (files.count(name) != 0 && file != name) continue;
        Result<dsl::ImportableFile> read = dsl::read_importable(path.string(), diagnostics);
        if (!read) return report(diagnostics);
        for (const dsl::ImportableLayer& layer : read->layers) names.push_back(layer.name);
        for (const std::string& function : read->functions) names.push_back(name_of(function));
        if (!name.empty() && file != name && !keep_only(name, *read)) continue;
        print_file(file, *read);
        found = true;
    }
    if (found) return kDone;
    diagnostics
        .error(DiagnosticKind::kUnknownName, {}, "no file that can be imported has `{}`{}", name,
               suggestion(name, names))
        .help("`gmc layers` lists all of them; `gmc schema --reference` has the built-in layers");
    return report(diagnostics);
}

}  // namespace gmc::tools
