// How shapes meet in arithmetic, for expressions and layers alike. Shapes here are those of an
// example, without the batch.
//
// As in NumPy, sizes are compared from the last axis on; a size of 1, or an axis that is missing in
// front, repeats. Two things differ. One number goes with any shape and takes it, whatever its own
// axes are. And where two values of an example would BOTH repeat, they need as many axes: [800] and
// [28, 28, 1] would make [28, 28, 800], which is hardly ever meant; a `reshape` says that it is.
#pragma once

#include <cstdint>
#include <optional>

#include "compiler/ir/builder.h"

namespace gmc::lower {

/// The shape that `a` and `b` have in common; nothing when they do not fit.
std::optional<ir::Shape> common_shape(const ir::Shape& a, const ir::Shape& b);

/// Which of two values that both have a batch may be repeated to the common shape.
enum class Repeat : uint8_t {
    kBoth,  ///< both may repeat, if they have as many axes
    kOne,   ///< one of them has the shape of the result
};
/// The same for two values that have a batch.
std::optional<ir::Shape> common_example_shape(const ir::Shape& a, const ir::Shape& b,
                                              Repeat repeat = Repeat::kBoth);

/// x repeated to the shape `to`. `batched` and `to_batched` say whether the first axis of x and of
/// `to` is the batch; what follows is the shape of an example. x without a batch is the same for
/// all examples.
ir::ValueId spread(ir::Builder& b, ir::ValueId x, bool batched, const ir::Shape& to,
                   bool to_batched);

/// The numbers in a shape.
int64_t elements_of(const ir::Shape& shape);

}  // namespace gmc::lower
