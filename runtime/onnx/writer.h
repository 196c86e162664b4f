// An ONNX model as bytes: protocol buffers, written with protozero.
#pragma once

#include <string>

#include "runtime/onnx/graph.h"

namespace gmc::onnx {

/// The files of an exported model.
struct ModelBytes {
    std::string model;
    /// The numbers of the weights, for a file beside the model; "" when they are in `model`.
    std::string weights;
};

/// The bytes of `model`. With a name of a file in `external`, float tensors of more than 256 bytes
/// are kept for that file, each from a multiple of 64 bytes on.
ModelBytes model_bytes(const Model& model, const std::string& external = "");

}  // namespace gmc::onnx
