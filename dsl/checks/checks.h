// Warnings about what is allowed but hardly meant. Such a model is built and trains, and trains
// badly or not at all. One file per theme; `gmc check --strict` makes errors of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::dsl {

/// What building found out about a network.
struct NetworkFacts {
    std::vector<int64_t> shape;  ///< per example, of the one output; {} when there are several
    int64_t parameters = 0;
};
using Facts = std::map<std::string, NetworkFacts>;  ///< by the network's name

/// Runs all checks on a model that was built without errors.
void check_model(const ModelSpec& spec, const Facts& facts, Diagnostics& diagnostics);

class ModelView;

/// range_checks.cpp, kRangeMismatch: targets of bce_with_logits outside of 0 to 1; what the network
/// that makes samples can give against the range of the data it imitates. Fields whose range nobody
/// knows (points, arrays of floats without `range`) are left alone.
void check_ranges(const ModelView& view, const Facts& facts, Diagnostics& diagnostics);
/// logit_checks.cpp, kLogitsExpected: a network that ends in an activation where the loss takes
/// logits, or a number without bounds; logarithms of what may be negative.
void check_logits(const ModelView& view, Diagnostics& diagnostics);
/// training_checks.cpp, kNotTrained, kNoOpponent, kBadValue: who trains which network, and how far.
void check_training(const ModelView& view, const Facts& facts, Diagnostics& diagnostics);
/// unused_checks.cpp, kUnused: networks, their inputs and layers, entries of `let`.
void check_unused(const ModelView& view, Diagnostics& diagnostics);
/// layer_checks.cpp, kBadValue, kNotPerExample: strides that skip most of the input, softmax over
/// one number, batch norm below a gradient per example.
void check_layers(const ModelView& view, Diagnostics& diagnostics);

}  // namespace gmc::dsl
