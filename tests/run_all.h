// Runs all of a module, for tests that compare two ways to run it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/program/executable.h"
#include "tests/catch.h"

namespace gmc {

/// What the functions of a module compute, each called twice with made-up inputs: their results,
/// one after another, then the saved states. `states` have been initialised.
inline std::vector<float> run_all(const ir::Module& module, runtime::StateStore& states,
                                  const runtime::ExecutableOptions& options) {
    Diagnostics diagnostics;
    const auto arena = std::make_shared<runtime::Arena>(module);
    std::vector<float> out;
    for (const ir::Function& function : module.functions) {
        if (function.is_body) continue;  // runs where it is a loop
        auto made =
            runtime::Executable::make(module, function, states, arena, options, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(made.ok());
        for (uint32_t call = 0; call < 2; ++call) {
            for (size_t i = 0; i < made->input_count(); ++i)
                for (int64_t k = 0; k < made->input_type(i).elements(); ++k)
                    made->input(i)[k] = static_cast<float>((k * 7 + call) % 5) / 4;
            made->run({1, call, 1, 0.5});
            for (size_t i = 0; i < made->result_count(); ++i)
                out.insert(out.end(), made->result(i),
                           made->result(i) + made->result_type(i).elements());
        }
    }
    // A planned optimizer also computes the zeros between the states that it updates as one.
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        out.insert(out.end(), states.data(id), states.data(id) + states.elements(id));
    return out;
}

}  // namespace gmc
