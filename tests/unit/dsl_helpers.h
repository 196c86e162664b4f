// Helpers of the tests of dsl/: a model read from text, and errors as text.
#pragma once

#include <string>
#include <vector>

#include "dsl/spec.h"
#include "dsl/text/document.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::dsl {

/// A text parsed as a document, with the errors of that.
struct Parsed {
    Diagnostics diagnostics;
    NodePtr root;

    explicit Parsed(const std::string& text) {
        const uint32_t file = diagnostics.sources().add("t.yaml", text);
        Result<NodePtr> document = parse_document(text, file, diagnostics);
        if (document) root = document.take();
    }
};

/// A model read from text, with the errors of that.
struct Model {
    Diagnostics diagnostics;
    Result<ModelSpec> spec = Failure{};

    explicit Model(const std::string& text, const std::vector<std::string>& sets = {}) {
        const runtime::TempFolder folder;
        ReadModelOptions options;
        options.path = folder.write("t.yaml", text);
        options.sets = sets;
        options.recipe_directories = {GMC_SOURCE_DIR "/models/recipes"};
        spec = read_model(options, diagnostics);
    }
    const ModelSpec& operator*() const {
        INFO(diagnostics.render());
        REQUIRE(spec.ok());
        return *spec;
    }
    const ModelSpec* operator->() const { return &**this; }
};

/// A small model: one network of the given layers, whose mean square is minimized.
inline std::string small_model(const std::string& layers, const std::string& more = "") {
    return "model: t\ndata: {image: {synthetic: shapes}}\n"
           "networks:\n  net:\n    inputs: {x: data.image}\n    layers: " +
           layers + "\nobjective: {minimize: {networks: net, loss: mean(sum(net(image)^2))}}\n" +
           more;
}

}  // namespace gmc::dsl
