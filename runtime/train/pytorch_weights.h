// Weights as PyTorch lays them out, from and to safetensors files. What differs from ours:
//
//   layer                      ours                             torch.nn
//   dense                      weight [in, out]                 weight [out, in]
//   convolution                weight [window..., in, out]      weight [out, in, window...]
//   transposed convolution     weight [window..., out, in]      weight [in, out, window...]
//   embedding                  weight [classes, units]          the same
//   batch_norm, layer_norm     gamma, beta                      weight, bias
//   batch_norm                 moving_mean, moving_variance     running_mean, running_var
//   prelu                      slope                            weight
//
// The order of features is not changed: ours are channels last, so a twin in PyTorch permutes to
// N x H x W x C before it flattens, and from it after it makes an image of a vector.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/states/state_store.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

/// Fills parameters and statistics from a file of a `state_dict`. Names begin with the name of one
/// of the model's networks; with one network they need not. A layer that has the name that
/// write_pytorch_weights would give it belongs there. The others are paired by the shapes of their
/// parts (weight, bias, ...), in the order of the model and of the numbers in their names
/// (`0.weight`, `10.weight`); layers alike whose names differ in more than numbers are ambiguous.
/// Networks of which the file has nothing keep their initial values. Errors: those of the file;
/// kBadValue, with all that does not fit in one list: nothing is changed then.
Result<TakenWeights> take_pytorch_weights(const std::string& path, StateStore& states,
                                          Diagnostics& diagnostics);

/// write_weights() in this layout, under our names of layers: "decoder.dense.weight".
[[nodiscard]] bool write_pytorch_weights(const std::string& path, const StateStore& states,
                                         bool averaged, Diagnostics& diagnostics);

}  // namespace gmc::runtime
