// Which names torch.nn gives to the parts of layers, and which weights have their last two axes in
// front there.
#include "runtime/weights/pytorch_layout.h"

#include <map>

namespace gmc::runtime {
namespace {

/// What torch.nn.utils.parametrizations.spectral_norm puts between a layer and its parts.
constexpr char kNormed[] = ".parametrizations.weight.";

std::string layer_of(const ir::State& state) { return state.name.substr(0, state.name.rfind('.')); }

std::string kind_of(const ir::Module& module, const std::string& layer) {
    for (const ir::Layer& each : module.layers)
        if (each.name == layer) return each.kind;
    return "";
}

std::string name_of(const ir::Module& module, const ir::State& state) {
    static const std::map<std::string, std::string> kParts = {
        {"gamma", "weight"},
        {"beta", "bias"},
        {"moving_mean", "running_mean"},
        {"moving_variance", "running_var"},
        {"codebook", "weight"},
    };
    const std::string layer = layer_of(state), part = after_last_dot(state.name);
    const auto has = [&](const char* other) {
        return module.find_state(layer + other) != ir::kNone;
    };
    if (part == "value") return layer;
    if (part == "slope") return layer + (has(".weight") ? ".prelu.weight" : ".weight");
    if (part == "weight" && has(".u")) return layer + kNormed + "original";
    if (part == "u" || part == "v") return layer + kNormed + "0._" + part;
    const auto found = kParts.find(part);
    return layer + "." + (found == kParts.end() ? part : found->second);
}

}  // namespace

std::string before_first_dot(const std::string& name) { return name.substr(0, name.find('.')); }
std::string after_last_dot(const std::string& name) { return name.substr(name.rfind('.') + 1); }

/// The last two axes of all weights of contractions come first in PyTorch, in reverse order; the
/// last one of v, the kernel's inputs, comes first.
PytorchTensor pytorch_tensor(const ir::Module& module, const ir::State& state) {
    PytorchTensor out{name_of(module, state), state.type.shape, state.type.shape, {}};
    const std::string layer = layer_of(state), part = after_last_dot(state.name);
    const std::string kind = kind_of(module, layer);
    size_t first = 0;  // axes of those that come first
    if (part == "weight" && out.ours.size() >= 2 && kind != "embedding") first = 2;
    if (const ir::StateId kernel = module.find_state(layer + ".weight");
        part == "v" && kernel != ir::kNone && module.states[kernel].type.rank() >= 2) {
        ir::Shape rest = module.states[kernel].type.shape;
        rest.erase(rest.end() - (kind.ends_with("_transpose") ? 2 : 1));
        // Modules that others write may have a `v` of another meaning.
        if (ir::f32(rest).elements() == state.type.elements()) {
            out.ours = std::move(rest);
            first = 1;
        }
    }
    const size_t rank = out.ours.size();
    for (size_t i = 0; i < first; ++i) out.order.push_back(rank - 1 - i);
    for (size_t i = 0; i + first < rank; ++i) out.order.push_back(i);
    if (part != "v")
        for (size_t i = 0; i < rank; ++i) out.shape[i] = out.ours[out.order[i]];
    return out;
}

PytorchPart pytorch_part(const std::string& tensor) {
    static const std::pair<std::string, std::string> kEndings[] = {
        {".weight", "weight"},
        {".bias", "bias"},
        {".running_mean", "running_mean"},
        {".running_var", "running_var"},
        {std::string(kNormed) + "original", "weight"},
        {std::string(kNormed) + "0._u", "u"},
        {std::string(kNormed) + "0._v", "v"},
        {".weight_orig", "weight"},
        {".weight_u", "u"},
        {".weight_v", "v"},
    };
    for (const auto& [ending, part] : kEndings) {
        if (tensor == ending.substr(1)) return {"", part};
        if (tensor.ends_with(ending))
            return {tensor.substr(0, tensor.size() - ending.size()), part};
    }
    return {tensor, ""};
}

}  // namespace gmc::runtime
