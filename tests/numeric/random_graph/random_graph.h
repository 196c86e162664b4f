// Random valid functions over all op kinds, for tests that say "whatever the graph". Everything
// follows from the seed.
//
// Values are kept in hand so that float and double agree: a bound on each value and on the error
// that float arithmetic can have made is carried along, values are scaled down before they grow too
// far, functions with narrow domains get operands inside them, and ops that jump (floor, equal,
// ...) read only values that are exact in float.
#pragma once

#include <cstdint>

#include "compiler/ir/module.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {

struct RandomGraphOptions {
    int operations_low = 20, operations_high = 60;
    /// Of one value. Large values reach what small ones do not: several tiles, several threads,
    /// remainders.
    int64_t most_elements = 60;
    /// Differentiable everywhere, so that the graph can be compared with differences.
    bool smooth = false;
    /// Adds `gradient` ops of a scalar of the graph, and of one of those gradients again.
    bool gradients = false;
};

/// A module with one function @f, and numbers to run it on.
struct RandomGraph {
    uint64_t seed = 0;
    ir::Module module;
    RunInputs run;

    const ir::Function& function() const { return module.functions[0]; }
};

/// How many seeds a test tries: `usual`, or that times the environment's GMC_SEED_FACTOR for a long
/// hunt.
uint64_t seed_count(uint64_t usual);

RandomGraph random_graph(uint64_t seed, const RandomGraphOptions& options = {});

}  // namespace gmc::tests
