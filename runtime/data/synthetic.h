// Data sets that need no file: pictures of filled shapes, and the 2-D point clouds on which papers
// show how stable the training of a GAN is. Example i is a pure function of (kind, options, seed,
// i), made when the set is loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct SyntheticOptions {
    int64_t count = 10000;
    /// Number of the first example: a test set is a later part of the same sequence.
    int64_t first = 0;
    uint64_t seed = 0;
    // Pictures only.
    int64_t height = 28;
    int64_t width = 28;
    int64_t channels = 1;  ///< 1 = grey, 3 = colour
    int64_t classes = 8;   ///< the first so many of shape_names()
    /// Bytes are scaled into this range.
    ValueRange range{0, 1};
};

/// Both fields of a synthetic set; `label` is null where the set has no classes (swiss_roll).
struct SyntheticFields {
    FieldPtr example;  ///< [height, width, channels] in options.range, or [2]
    FieldPtr label;    ///< {} with class_count() = number of shapes or modes
};

/// Makes a set; the fields are named `name` and `name` + "_label". The kinds:
///   shapes      one filled shape per picture (see shapes.h)
///   ring        8 Gaussians on a circle of radius 2, sigma 0.02 (Metz et al. 2017, Unrolled GANs)
///   grid        25 Gaussians at {-4, -2, 0, 2, 4}^2, sigma 0.05 (Dumoulin et al. 2017, ALI)
///   swiss_roll  1.5 turns of a spiral, noise 0.25, scaled by 1 / 7.5 (Gulrajani et al. 2017)
/// Errors: an unknown kind (kUnknownName), sizes that are not positive or channels other than 1 and
/// 3 (kBadValue), more than fits into memory (kTooLarge).
Result<SyntheticFields> make_synthetic(std::string_view kind, const std::string& name,
                                       const SyntheticOptions& options, Diagnostics& diagnostics);

struct Point {
    float x = 0;
    float y = 0;
};

/// The modes of `ring` or `grid` in the order of their labels, for measuring how many a model
/// covers.
struct SyntheticModes {
    std::vector<Point> centres;
    float sigma = 0;
};

/// The modes of a kind; none for kinds that are no mixture of Gaussians.
std::optional<SyntheticModes> synthetic_modes(std::string_view kind);

}  // namespace gmc::runtime
