// Loads a compiled model for a test, and ends the test when that fails.
#pragma once

#include <memory>
#include <string>

#include "runtime/train/loaded_model.h"
#include "tests/catch.h"

namespace gmc {

inline std::unique_ptr<runtime::LoadedModel> load(const std::string& path) {
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(path, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(model.ok());
    return model.take();
}

}  // namespace gmc
