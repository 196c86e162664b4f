// A function of a compiled model, with the weights of a run, as an ONNX model.
//
// It is made of the compiled function in the .gmc: loops are taken apart into their ops again,
// places in memory do not matter, and batch_sizes.h finds the batch in the shapes. So a .gmc is
// enough; a model that is lowered anew from its YAML would need its data files again, and a gmc of
// the same version.
#pragma once

#include "runtime/onnx/graph.h"
#include "runtime/onnx/lowering.h"

namespace gmc::onnx {

/// The model, and what it should say about itself, by name.
Model onnx_model(const Source& source, Noise noise,
                 std::vector<std::pair<std::string, std::string>> metadata);

}  // namespace gmc::onnx
