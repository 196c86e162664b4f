// What a file that can be imported adds to a model, for people: its layers and functions, and what
// they take.
#pragma once

#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

struct ImportableLayer {
    std::string name;
    /// "{units, return_sequences: false}": those without a value have to be given. "" for none.
    std::string parameters;
    std::string description;
    std::vector<std::string> conditions;  ///< what its parameters have to be: "an odd kernel"
};

struct ImportableFile {
    std::string description;
    std::vector<ImportableLayer> layers;
    std::vector<std::string> functions;  ///< "causal(n)"
};

/// Reads the file at `path`. Errors: those of read_document.
Result<ImportableFile> read_importable(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::dsl
