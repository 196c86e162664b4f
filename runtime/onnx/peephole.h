// Rewrites a graph to what a person would have drawn: convolutions without transposes around each,
// biases in the ops that take one, weights in the layout that ONNX wants. What it computes stays
// the same.
//
//   Transpose -> Conv -> Transpose -> Add bias -> Relu -> Transpose -> Conv
//   Transpose -> Conv(bias) -> Relu -> Conv
#pragma once

#include "runtime/onnx/graph.h"

namespace gmc::onnx {

/// Graph outputs are expected to be made by `Identity`, which vanish.
void peephole(Graph& graph);

}  // namespace gmc::onnx
