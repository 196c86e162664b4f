// How states start: ir::Initializer -> numbers. A pure function of (initializer, shape, seed).
#pragma once

#include <cstdint>
#include <string>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// Writes the initial elements of a state of this shape to `data`, row-major. Returns "", or why it
/// cannot be done. The kinds, with `value`, `fan_in` and `fan_out` of the initializer:
///
///   zeros, ones, constant   0, 1, value
///   normal          N(0, value^2)
///   uniform         U[-value, value)
///   glorot_uniform  U[-l, l), l = sqrt(6 / (fan_in + fan_out))           Glorot and Bengio 2010
///   glorot_normal   truncated normal of deviation sqrt(2 / (fan_in + fan_out))
///   he_uniform      U[-l, l), l = sqrt(6 / fan_in)                       He et al. 2015
///   he_normal       truncated normal of deviation sqrt(2 / fan_in)
///   orthogonal      value times a matrix [all but the last axis, last axis] with orthonormal
///                   columns (rows, where there are fewer of those)        Saxe et al. 2014
///
/// A truncated normal is cut at two of its standard deviations, and widened so that what is left
/// has the deviation asked for, as in Keras.
std::string fill_initial(const ir::Initializer& initializer, const ir::Shape& shape, uint64_t seed,
                         float* data);

}  // namespace gmc::runtime
