// Warnings about what is allowed but probably not meant: such a model can be built and trained, but
// it trains badly or not at all. Enters: a model that was built without errors. Leaves: warnings;
// `gmc check --strict` turns them into errors. There is one file per theme.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::dsl {

/// Facts about a network that are known after building.
struct NetworkFacts {
    std::vector<int64_t> shape;  ///< per example, of the one output; {} when there are several
    int64_t parameters = 0;
};
using Facts = std::map<std::string, NetworkFacts>;  ///< by the network's name

/// Runs all checks on a model that was built without errors.
void check_model(const ModelSpec& spec, const Facts& facts, Diagnostics& diagnostics);

class ModelView;

/// range_checks.cpp, kRangeMismatch: targets of bce_with_logits outside of 0 to 1, and networks
/// whose values cannot reach the range of the data that they imitate. Fields of unknown range
/// (points, arrays of floats without `range`) are not checked.
void check_ranges(const ModelView& view, const Facts& facts, Diagnostics& diagnostics);
/// logit_checks.cpp, kLogitsExpected: a network that ends in an activation although the loss
/// expects logits or unbounded numbers, and logarithms of numbers that may be negative.
void check_logits(const ModelView& view, Diagnostics& diagnostics);
/// sample_checks.cpp, kRangeMismatch: functions that put another activation around a network than
/// its loss does.
void check_samples(const ModelView& view, Diagnostics& diagnostics);
/// gaussian_checks.cpp, kRangeMismatch, kBadExpression: logarithms of variances and means that
/// cannot be below 0, noise that is multiplied by the wrong thing or not drawn at all.
void check_gaussians(const ModelView& view, Diagnostics& diagnostics);
/// training_checks.cpp, kNotTrained, kNoOpponent, kBadValue: networks that nothing trains,
/// opponents that do not oppose, errors that are rewarded, and accuracies of which the lowest is
/// kept.
void check_training(const ModelView& view, const Facts& facts, Diagnostics& diagnostics);
/// rate_checks.cpp, kBadValue: learning rates and decays that train nothing or too much, and
/// schedules that do not fit the length of training.
void check_rates(const ModelView& view, Diagnostics& diagnostics);
/// unused_checks.cpp, kUnused: unused networks, inputs, averages and entries of `let`, in the file
/// that was named itself.
void check_unused(const ModelView& view, Diagnostics& diagnostics);
/// layer_checks.cpp, kBadValue, kNotPerExample: strides that skip most of the input, softmax over
/// one number, and batch norm inside a gradient per example.
void check_layers(const ModelView& view, Diagnostics& diagnostics);

/// chain_checks.cpp, kLogitsExpected, kUnused, kNotTrained: activations and `dense` layers in a row
/// of which one is without effect, and neighbours that both begin with zeros.
void check_chains(const ModelView& view, Diagnostics& diagnostics);
/// logarithm_checks.cpp, kBadExpression: logarithms that the language has a stable function for.
void check_logarithms(const ModelView& view, Diagnostics& diagnostics);

}  // namespace gmc::dsl
