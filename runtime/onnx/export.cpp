// Makes an ONNX model of a function: lowers it, tidies the graph, and writes into it what it is.
#include "runtime/onnx/export.h"

#include <fmt/format.h>

#include "compiler/ops/plain_form.h"
#include "runtime/onnx/peephole.h"

namespace gmc::onnx {

Model onnx_model(const Source& source, Noise noise,
                 std::vector<std::pair<std::string, std::string>> metadata) {
    Model model;
    ir::Module module = *source.module;  // with ops that ONNX has no other form for
    ops::expand_plain_forms(module);
    Source plain = source;
    plain.module = &module;
    plain.function = module.find_function(source.function->name);
    model.graph = Lowering(plain, noise).run();
    peephole(model.graph);
    model.doc = source.module->description;
    model.metadata = {{"model", source.module->name}, {"function", source.function->name}};
    model.metadata.insert(model.metadata.end(), metadata.begin(), metadata.end());
    return model;
}

}  // namespace gmc::onnx
