// The inputs of a function, filled before a call as their sources say (ir::InputSource). Enters: a
// bound function, and a batch, a seed or labels. Leaves: the memory of its inputs, written.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/data/loader.h"
#include "runtime/program/executable.h"

namespace gmc::runtime {

/// From now on batches of `loader` are made in the memory of the function's inputs, as far as the
/// loader can do that; for a loader whose batches only this function gets.
void deliver_inputs(const Executable& executable, Loader& loader);

/// Copies a batch into the inputs that come from data, unless it was made there, and writes 1 for
/// its valid rows and 0 for the others into inputs that ask for `valid`.
void set_inputs(const Executable& executable, const Loader& loader, const Batch& batch);

/// Fills inputs of noise for the examples first_example, first_example + 1, ...: row r depends on
/// the seed and first_example + r only, so an example's noise does not depend on its batch.
void set_noise(const Executable& executable, uint64_t seed, int64_t first_example);

/// One example's noise, `width` numbers, for input number `input` of a function; that input's
/// source is noise.
void noise_of_example(const ir::Input& source, size_t input, uint64_t seed, int64_t example,
                      int64_t width, float* to);

/// Fills inputs of labels: row r is of class `label`, or (first_example + r) mod the field's number
/// of classes.
void set_labels(const ir::Module& module, const Executable& executable, int64_t first_example,
                std::optional<int64_t> label);

}  // namespace gmc::runtime
