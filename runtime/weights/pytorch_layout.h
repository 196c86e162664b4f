// Weights as PyTorch lays them out. What differs from ours:
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
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// "a.b.c" before the first dot, and behind the last one; all of a name without dots.
std::string before_first_dot(const std::string& name);
std::string after_last_dot(const std::string& name);

/// The state's name with its part as torch.nn calls it: `decoder.batch_norm.running_mean`; "" for a
/// part that torch.nn has no name for.
std::string pytorch_name(const ir::State& state);
std::vector<int64_t> pytorch_shape(const ir::State& state);

/// Which axis of the state is each axis in PyTorch: [height, width, in, out] is read as 3, 2, 0, 1.
std::vector<size_t> pytorch_axes(const ir::State& state);

/// `visit(ours, theirs)`: the places of each number of the state in both orders.
template <typename Visit>
void each_number(const ir::State& state, const Visit& visit) {
    const std::vector<size_t> order = pytorch_axes(state);
    const std::vector<int64_t>& shape = state.type.shape;
    std::vector<int64_t> steps(shape.size(), 1);  // of their axes, in our memory
    for (size_t i = 0; i < order.size(); ++i)
        for (size_t k = order[i] + 1; k < shape.size(); ++k) steps[i] *= shape[k];
    std::vector<int64_t> at(shape.size(), 0);
    int64_t ours = 0;
    for (int64_t theirs = 0; theirs < state.type.elements(); ++theirs) {
        visit(ours, theirs);
        for (size_t i = order.size(); i-- > 0;) {
            ours += steps[i];
            if (++at[i] < shape[order[i]]) break;
            ours -= at[i] * steps[i];
            at[i] = 0;
        }
    }
}

}  // namespace gmc::runtime
