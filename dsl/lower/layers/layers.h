// Layers: a function for each row of the dsl's layer table, which emits the layer's ops and
// declares its parameters.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// One use of a layer. `inputs` are batched values.
struct LayerScope {
    FunctionScope& f;
    const dsl::LayerSpec& spec;
    std::string path;  ///< "generator.dense_1": prefix of its parameters and values
    std::vector<ir::ValueId> inputs;
    /// What it computes besides its result, by the names of its row in the dsl's table.
    std::map<std::string, ir::ValueId> results{};

    ir::ValueId x() const { return inputs.front(); }
    const ir::Shape& shape() const { return f.b.shape(x()); }
    int64_t channels() const { return shape().back(); }

    /// The current value of parameter `path.name`; declared on first use with the spec's
    /// initializer (`initializer` key) unless `kind` names another, whose number (that of
    /// "constant", the limit of "uniform") is `value`. A `weight` comes spectrally normalised where
    /// the layer asks for it.
    ir::ValueId parameter(const std::string& name, ir::Shape shape, const std::string& kind = "",
                          double value = 0);
    /// The state `path.name` that training moves without gradients.
    ir::StateId statistic(const std::string& name, ir::Shape shape, const std::string& kind);
    /// Adds the bias along the last axis when the spec asks for one.
    ir::ValueId with_bias(ir::ValueId value, int64_t units);
    /// Reports a kShapeMismatch at `key` (or the layer) and returns kNone.
    ir::ValueId wrong_shape(const std::string& key, std::string text);
};

/// The layer's result, or kNone after an error.
using ApplyLayer = ir::ValueId (*)(LayerScope& layer);
const std::map<std::string, ApplyLayer>& layer_builders();

}  // namespace gmc::lower
