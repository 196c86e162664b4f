// Random valid functions of all kinds of ops, for tests that hold whatever the graph is. Everything
// follows from the seed.
//
// Values are kept under control, so that float and double agree. The maker tracks a bound of each
// value and a bound of the error of float arithmetic. Values are scaled down before they grow too
// large, functions of limited domain get operands inside it, and ops that jump (floor, equal, ...)
// read only values that are exact in float.
#pragma once

#include <cstdint>

#include "compiler/ir/module.h"
#include "compiler/ir/text/printer.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {

/// How large and of what kind a random graph is.
struct RandomGraphOptions {
    int operations_low = 20, operations_high = 60;
    /// Elements of one value. Large values reach code that small ones do not: several tiles of a
    /// loop, several threads, remainders.
    int64_t most_elements = 60;
    /// Differentiable everywhere, so that gradients can be compared with differences.
    bool smooth = false;
    /// Adds `gradient` ops of a scalar of the graph, and of one of those gradients again.
    bool gradients = false;
    /// More than 0: a training step of so many examples, of which each input has a row. It draws no
    /// random numbers.
    int64_t batch = 0;
};

/// A module with one function @f, and numbers to run it on.
struct RandomGraph {
    uint64_t seed = 0;
    ir::Module module;
    RunInputs run;

    const ir::Function& function() const { return module.functions[0]; }
    /// What a test prints of a difference: with the module's text; "" when there is none.
    std::string explained(const std::string& difference) const {
        return difference.empty() ? "" : difference + ir::print(module);
    }
};

/// How many seeds a test tries: `usual`, times the environment's GMC_SEED_FACTOR for a long search.
uint64_t seed_count(uint64_t usual);

RandomGraph random_graph(uint64_t seed, const RandomGraphOptions& options = {});

}  // namespace gmc::tests
