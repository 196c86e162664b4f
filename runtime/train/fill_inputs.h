// Fills the inputs of a function before a call, as their sources (ir::InputSource) say. Enters: a
// bound function, and a batch, a seed or labels. Leaves: the memory of its inputs, written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "runtime/data/loader.h"
#include "runtime/program/executable.h"

namespace gmc::runtime {

/// Makes `loader` write its batches straight into the memory of the function's inputs, as far as it
/// can. Only for loaders whose batches no other function gets.
void deliver_inputs(const Executable& executable, Loader& loader);

/// Copies a batch into the inputs that come from data, unless it was made there. In inputs of the
/// source `valid` it writes 1 for valid rows and 0 for padding.
void set_inputs(const Executable& executable, const Loader& loader, const Batch& batch);

/// Writes 1 into inputs of the source `valid`: all rows count.
void set_all_valid(const Executable& executable);

/// Fills inputs of noise for the examples first_example, first_example + 1, ... Row r depends on
/// the seed and first_example + r only, so the noise of an example does not depend on its batch.
/// Where `wanted` is given, only inputs for whose number it is true.
void set_noise(const Executable& executable, uint64_t seed, int64_t first_example,
               const std::function<bool(size_t)>& wanted = nullptr);

/// The noise of one example, `width` numbers, for input number `input` of a function; the source of
/// that input has to be noise.
void noise_of_example(const ir::Input& source, size_t input, uint64_t seed, int64_t example,
                      int64_t width, float* to);

/// Fills inputs of labels: row r is of class `label`, or of (first_example + r) mod the field's
/// number of classes.
void set_labels(const ir::Module& module, const Executable& executable, int64_t first_example,
                std::optional<int64_t> label);

}  // namespace gmc::runtime
