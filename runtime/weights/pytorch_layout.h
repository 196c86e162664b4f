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
//   activation: prelu          slope of the layer               LAYER.prelu.weight, a module there
//   vector_quantize            codebook                         weight
//   parameter                  NAME.value                       NAME, an nn.Parameter
//   spectral_norm: true        weight, u, v                     parametrizations.weight.original,
//                                                               .0._u, .0._v; or weight_orig,
//                                                               weight_u, weight_v (read only)
//
// Of which kind a layer is, the module says (ir::Layer), not its name. v has a number for each of a
// kernel's but for its outputs, in the order of the kernel. The order of features is not changed:
// ours are channels last, so a twin in PyTorch permutes to N x H x W x C before it flattens, and
// from it after it makes an image of a vector.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// "a.b.c" before the first dot, and behind the last one; all of a name without dots.
std::string before_first_dot(const std::string& name);
std::string after_last_dot(const std::string& name);

/// A state as torch.nn has it.
struct PytorchTensor {
    std::string name;  ///< `decoder.batch_norm.running_mean`
    ir::Shape shape;
    ir::Shape ours;  ///< the state's shape; of v, that of its kernel without the outputs
    /// Which axis of `ours` is each axis there: [height, width, in, out] is read as 3, 2, 0, 1.
    std::vector<size_t> order;
};
PytorchTensor pytorch_tensor(const ir::Module& module, const ir::State& state);

/// A tensor of a `state_dict` as a part of a layer. `part` is `weight`, `bias`, `running_mean`,
/// `running_var`, or `u` and `v` of a kernel that its spectral norm divides. "": the tensor is no
/// part of a layer of torch.nn, and `layer` is all of its name.
struct PytorchPart {
    std::string layer, part;
    /// Whether it belongs to a kernel's norm, which training finds again where a file lacks it.
    bool is_of_norm() const { return part == "u" || part == "v"; }
};
PytorchPart pytorch_part(const std::string& tensor);

/// `visit(ours, theirs)`: the places of each number of the state in both orders.
template <typename Visit>
void each_number(const PytorchTensor& tensor, const Visit& visit) {
    const std::vector<size_t>& order = tensor.order;
    const ir::Shape& shape = tensor.ours;
    std::vector<int64_t> steps(shape.size(), 1);  // of their axes, in our memory
    for (size_t i = 0; i < order.size(); ++i)
        for (size_t k = order[i] + 1; k < shape.size(); ++k) steps[i] *= shape[k];
    std::vector<int64_t> at(shape.size(), 0);
    int64_t count = 1, ours = 0;
    for (const int64_t size : shape) count *= size;
    for (int64_t theirs = 0; theirs < count; ++theirs) {
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
