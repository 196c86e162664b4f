// Float images, as models make them, put together into one picture that a person can judge.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// A view of count x height x width x channels floats, row-major; 1, 3 or 4 channels.
struct ImageBatch {
    const float* data = nullptr;
    int64_t count = 0;
    int64_t height = 0;
    int64_t width = 0;
    int64_t channels = 1;
};

struct GridOptions {
    int64_t columns = 0;  ///< 0 = as square as possible
    float low = 0;        ///< drawn black, as is what lies below
    float high = 1;       ///< drawn white, as is what lies above
    int64_t gap = 2;      ///< pixels between and around the images
    int64_t scale = 0;  ///< pixels per pixel; 0 = so that the longer side has about 84 (28 x 28: 3)
};

/// The images in rows from the top left. NaN and infinities are drawn magenta, which makes a grey
/// grid a colour one; 4 channels make a grid with alpha.
/// Errors: kShapeMismatch (other channels than 1, 3 and 4), kBadValue (no images, an empty range, a
/// negative option), kTooLarge (over 2^28 pixels).
Result<Image> image_grid(const ImageBatch& images, const GridOptions& options,
                         Diagnostics& diagnostics);

/// Each row of originals with the row of their reconstructions right below it. Errors:
/// image_grid's, and kShapeMismatch if the two differ in shape or number.
Result<Image> pair_grid(const ImageBatch& originals, const ImageBatch& reconstructions,
                        const GridOptions& options, Diagnostics& diagnostics);

struct LabelledImage {
    std::string label;  ///< printable ASCII; other characters are drawn as a block
    Image image;
};

/// Pictures below each other, each with its label above it (for instance the grids of five epochs).
/// At least one.
Image stack_labelled(std::span<const LabelledImage> parts);

}  // namespace gmc::runtime
