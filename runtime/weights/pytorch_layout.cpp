// Which names torch.nn gives to the parts of layers, and which weights have their last two axes in
// front there.
#include "runtime/weights/pytorch_layout.h"

#include <map>

namespace gmc::runtime {

std::string before_first_dot(const std::string& name) { return name.substr(0, name.find('.')); }
std::string after_last_dot(const std::string& name) { return name.substr(name.rfind('.') + 1); }

std::string pytorch_name(const ir::State& state) {
    static const std::map<std::string, std::string> kParts = {
        {"weight", "weight"},
        {"gamma", "weight"},
        {"slope", "weight"},
        {"bias", "bias"},
        {"beta", "bias"},
        {"moving_mean", "running_mean"},
        {"moving_variance", "running_var"},
        {"codebook", "weight"},
    };
    const auto found = kParts.find(after_last_dot(state.name));
    if (found == kParts.end()) return "";
    return state.name.substr(0, state.name.rfind('.') + 1) + found->second;
}

/// Whether the last two axes of this state come first in PyTorch, in reverse order: of all weights
/// of contractions.
static bool is_reversed(const ir::State& state) {
    if (after_last_dot(state.name) != "weight" || state.type.shape.size() < 2) return false;
    const std::string layer = state.name.substr(0, state.name.rfind('.'));
    return !after_last_dot(layer).starts_with("embedding");
}

std::vector<size_t> pytorch_axes(const ir::State& state) {
    const size_t rank = state.type.shape.size();
    std::vector<size_t> out;
    if (is_reversed(state)) out = {rank - 1, rank - 2};
    for (size_t i = 0; out.size() < rank; ++i) out.push_back(i);
    return out;
}

std::vector<int64_t> pytorch_shape(const ir::State& state) {
    std::vector<int64_t> out;
    for (const size_t axis : pytorch_axes(state)) out.push_back(state.type.shape[axis]);
    return out;
}

}  // namespace gmc::runtime
