// Draws what models make: a grid of images, or points over the points of the data.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "compiler/support/result.h"
#include "runtime/output/image_grid.h"
#include "runtime/train/generate.h"

namespace gmc::runtime {

/// A view of examples as images; false when their shape is not [N, H, W, 1 or 3].
bool as_images(const Examples& examples, ImageBatch& images);
/// Whether the shape is that of points of the plane, [N, 2].
bool are_points(const ir::Shape& shape);
/// The values that are drawn black and white, from the range of the data that pictures are like
/// (Examples::like).
GridOptions grid_options(const LoadedModel& model, const std::string& like);
/// The names of the classes of a field of labels; {} where they have none.
std::vector<std::string> names_of_classes(const ir::Module& module, const std::string& field);

/// How many examples of this shape one picture shows by default: 64 images, 2000 points.
int64_t usual_count(const ir::Shape& shape);

/// Whether `draw` can draw examples of this shape.
bool is_drawable(const ir::Shape& shape);
/// A grid of images, `columns` wide (0: as many as there are classes, up to 64, otherwise as square
/// as possible), with the names of classes below them where they have names; or a scatter plot of
/// points over those of the (test) data that they are like. Errors: kShapeMismatch when examples
/// are neither; those of image_grid and of the data.
Result<Image> draw(LoadedModel& model, const Examples& examples, int64_t columns,
                   Diagnostics& diagnostics);

/// Whether draw_samples has room for so many samples, in memory and in a picture; true where it
/// draws none. Errors: kTooLarge.
[[nodiscard]] bool can_draw_samples(LoadedModel& model, std::optional<int64_t> count,
                                    const std::map<std::string, ValueRange>& ranges,
                                    Diagnostics& diagnostics);

/// A picture of `count` samples (by default 64 images or 2000 points) of the function `sample`.
/// Numbers that the function takes go through `ranges` (usual_settings in sampler.h). None for
/// models whose samples are no pictures or points, or are made of other data.
Result<std::optional<Image>> draw_samples(LoadedModel& model, uint64_t seed,
                                          std::optional<int64_t> count,
                                          const std::map<std::string, ValueRange>& ranges,
                                          Diagnostics& diagnostics);

}  // namespace gmc::runtime
