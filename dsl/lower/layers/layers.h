// Layers: one function (a builder) per row of the language's table of layers. Enters: a LayerScope
// with the layer's keys and inputs. Leaves: the layer's result; its ops are emitted and its
// parameters declared.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// One use of a layer in one function. `inputs` are batched values.
/// It lives as long as its builder runs. The states of the layer are declared by name, so a second
/// use of the layer finds those of the first.
struct LayerScope {
    FunctionScope& f;
    const dsl::LayerSpec& spec;
    /// Prefix of the names of its parameters and values, as in "generator.dense_1".
    std::string path;
    std::vector<ir::ValueId> inputs;
    /// What the layer computes besides its result, under the names that its row lists.
    std::map<std::string, ir::ValueId> results{};

    ir::ValueId x() const { return inputs.front(); }
    const ir::Shape& shape() const { return f.b.shape(x()); }
    int64_t channels() const { return shape().back(); }

    /// The current value of the parameter `path.name`. On first use it is declared with the
    /// initializer `kind`, or that of the key `initializer` when `kind` is empty; `value` is the
    /// number of a "constant" or the limit of a "uniform" initializer. A parameter called `weight`
    /// is spectrally normalised when the layer asks for that.
    ir::ValueId parameter(const std::string& name, ir::Shape shape, const std::string& kind = "",
                          double value = 0);
    /// The state `path.name`, which training moves without gradients; declared in the same way.
    ir::StateId statistic(const std::string& name, ir::Shape shape, const std::string& kind,
                          double value = 0);
    /// Adds a bias along the last axis when the layer has one.
    ir::ValueId with_bias(ir::ValueId value, int64_t units);
    /// Warns (kBadValue) of a normalisation that takes each mean over one number, and so gives the
    /// same for every input.
    void warn_of_one_value();
    /// Reports a kShapeMismatch at `key`, or at the layer when `key` is empty. Gives kNone.
    ir::ValueId wrong_shape(const std::string& key, std::string text, std::string help = "");
};

/// The last part of the name of a state that stands for an entry of `parameters` or `state`:
/// `position.value`.
constexpr const char* kTensorName = "value";

/// The shape of the layer `parameter`, or of a tensor outside of networks.
inline ir::Shape tensor_shape(const dsl::LayerSpec& spec) {
    return spec.has("shape") ? spec.integers("shape") : ir::Shape{};
}

/// Builds a layer and gives its result, or kNone after an error.
using ApplyLayer = ir::ValueId (*)(LayerScope& layer);
const std::map<std::string, ApplyLayer>& layer_builders();

}  // namespace gmc::lower
