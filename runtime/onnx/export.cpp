// Makes an ONNX model of a function: lowers it, tidies the graph, and writes into it what it is.
#include "runtime/onnx/export.h"

#include <fmt/format.h>

#include "runtime/onnx/peephole.h"

namespace gmc::onnx {

Model onnx_model(const Source& source, Noise noise,
                 std::vector<std::pair<std::string, std::string>> metadata) {
    Model model;
    model.graph = Lowering(source, noise).run();
    peephole(model.graph);
    model.doc = source.module->description;
    model.metadata = {{"model", source.module->name}, {"function", source.function->name}};
    model.metadata.insert(model.metadata.end(), metadata.begin(), metadata.end());
    return model;
}

}  // namespace gmc::onnx
