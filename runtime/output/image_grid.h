// Puts float images, as models make them, together into one picture. Enters: an ImageBatch. Leaves:
// an Image of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// A view of count x height x width x channels floats, row-major, with 1, 3 or 4 channels.
struct ImageBatch {
    const float* data = nullptr;
    int64_t count = 0;
    int64_t height = 0;
    int64_t width = 0;
    int64_t channels = 1;
};

struct GridOptions {
    /// 0: as square as possible.
    int64_t columns = 0;
    /// This value and all below it are black.
    float low = 0;
    /// This value and all above it are white.
    float high = 1;
    /// Pixels between images and around them.
    int64_t gap = 2;
    /// Written below each image, as much of it as fits; {}: no captions.
    std::vector<std::string> captions;
    /// Pixels per pixel of an image; 0: so that the longer side has about 84 (28 x 28: 3).
    int64_t scale = 0;
};

/// Draws the images row by row from the top left. NaN and infinities are magenta, so that they
/// cannot be overlooked; one of them turns a grey grid into a colour one. 4 channels make a grid
/// with alpha.
/// Errors: kShapeMismatch (other channels than 1, 3 and 4), kBadValue (no images, an empty range, a
/// negative option), kTooLarge (over 2^28 pixels).
Result<Image> image_grid(const ImageBatch& images, const GridOptions& options,
                         Diagnostics& diagnostics);

/// Whether such a grid is not too large; needs no data. Errors: those of image_grid.
[[nodiscard]] bool can_be_grid(const ImageBatch& images, const GridOptions& options,
                               Diagnostics& diagnostics);

/// Draws each row of originals with the row of their reconstructions below it. Errors: those of
/// image_grid, and kShapeMismatch if the two differ in shape or number.
Result<Image> pair_grid(const ImageBatch& originals, const ImageBatch& reconstructions,
                        const GridOptions& options, Diagnostics& diagnostics);

struct LabelledImage {
    /// Printable ASCII; other characters are drawn as a block.
    std::string label;
    Image image;
};

/// Puts pictures in rows of `columns`, each with its label above it (for instance the grids of five
/// epochs). Needs at least one.
Image stack_labelled(std::span<const LabelledImage> parts, int64_t columns = 1);

}  // namespace gmc::runtime
