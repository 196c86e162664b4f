// Judges samples: modes covered, classes hit, distance to the data. The measures are in
// runtime/metrics; this file runs the models that make samples and features for them.
#pragma once

#include <optional>
#include <string>

#include "runtime/metrics/modes.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// Where samples could be like several data fields, the name of the one that they are compared
/// with; else "".
std::string compared_with(const LoadedModel& model);

/// The modes of the model's points, if it has a function `sample` that makes points like those of a
/// field `ring` or `grid`.
std::optional<SyntheticModes> modes_of(const LoadedModel& model);

/// Coverage of `modes` by `count` samples of the function `sample`. Errors: those of Sampler::make.
Result<ModeCoverage> sample_modes(LoadedModel& model, const SyntheticModes& modes, int64_t count,
                                  uint64_t seed, Diagnostics& diagnostics);

/// Figures about samples, and about the data that they imitate, by a classifier.
struct ClassifierQuality {
    int64_t samples = 0;
    /// Share of samples that are classified as the class that was asked for; only if `sample` takes
    /// a label.
    std::optional<double> class_accuracy;
    /// Between the features of samples and those of the test data.
    double frechet_distance = 0;
    /// Between the features of the training data and those of the test data, which is what a
    /// perfect model would reach. Only if the model has test data.
    std::optional<double> frechet_distance_of_data;
    /// Number of test examples (training examples without a test set) that samples are compared
    /// with.
    int64_t data_examples = 0;
};

/// Compares `count` samples (at least 2) with the model's data by `classifier`, a trained model
/// with the functions `features(x)`, which gives [F] per example, and `classify(x)`, which gives
/// logits. Values are converted from the range that one model declares to that of the other.
/// Errors: a missing function; functions that do not take exactly one data field or do not give
/// vectors (kWrongType); shapes or numbers of classes that differ (kShapeMismatch); those of the
/// data.
Result<ClassifierQuality> classifier_quality(LoadedModel& model, LoadedModel& classifier,
                                             int64_t count, uint64_t seed,
                                             Diagnostics& diagnostics);

}  // namespace gmc::runtime
