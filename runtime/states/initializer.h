// How states start: ir::Initializer -> numbers. A pure function of (initializer, shape, seed).
#pragma once

#include <cstdint>
#include <string>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// Writes the initial elements of a state of this shape to `data`, row-major. Returns why it cannot
/// be done;
/// "" when it was. Kinds (fan_in and fan_out as in the initializer):
///   zeros, ones, constant (value)
///   normal             N(0, value^2)
///   uniform            U[-value, value)
///   glorot_uniform     U[-l, l), l = sqrt(6 / (fan_in + fan_out))                    Glorot and
///   Bengio 2010 glorot_normal      truncated normal of standard deviation sqrt(2 / (fan_in +
///   fan_out)) he_uniform         U[-l, l), l = sqrt(6 / fan_in)                                He
///   et al. 2015 he_normal          truncated normal of standard deviation sqrt(2 / fan_in)
///   orthogonal         value Q, Q the orthonormal factor of a normal matrix [all but the last
///   axis, last axis]:
///                      orthonormal columns, or rows where there are fewer of those     Saxe et al.
///                      2014
/// "Truncated" is cut at two standard deviations of the normal it comes from, widened so that what
/// is left has the deviation asked for, as in Keras.
std::string fill_initial(const ir::Initializer& initializer, const ir::Shape& shape, uint64_t seed,
                         float* data);

}  // namespace gmc::runtime
