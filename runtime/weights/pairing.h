// Which tensor of a file fills which parameter or statistic of a module.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/tensors/safetensors.h"

namespace gmc::runtime {

/// "keras": our own, dense [in, out], convolution [window..., in, out]; "pytorch": those of
/// pytorch_layout.h.
std::vector<std::string> weight_layouts();

struct WeightPairs {
    std::map<ir::StateId, const StoredTensor*> pairs;
    /// What does not fit, a line each: another shape, numbers that are no floats; in PyTorch's
    /// layout also layers that the file lacks, or of which it is not clear which one they are.
    std::vector<std::string> wrong;
    /// Whether a tensor has the shape that PyTorch gives it, and was looked for in Keras'.
    bool looks_like_pytorch = false;
    /// Names of states that the file has nothing for: they keep their initial values.
    std::vector<std::string> fresh;
    /// Names of tensors of the file that fill nothing.
    std::vector<std::string> unused;
};

/// Pairs all parameters and statistics of the module with tensors of the same name. In PyTorch's
/// layout, names begin with the name of one of the model's networks; with one network they need
/// not. A layer that has the name that an export would give it belongs there. The others are paired
/// by the shapes of their parts (weight, bias, ...), in the order of the model and of the numbers
/// in their names (`0.weight`, `10.weight`); layers alike whose names differ in more than numbers
/// are ambiguous. Networks of which the file has nothing stay fresh.
WeightPairs pair_weights(const SafetensorsFile& file, const ir::Module& module,
                         const std::string& layout);

/// Whether the file says that its weights lie in another layout than `layout`, as those that gmc
/// writes do: reports it then (kBadValue, at `where`). Square kernels would fit either way.
[[nodiscard]] bool says_other_layout(const SafetensorsFile& file, const std::string& layout,
                                     Span where, Diagnostics& diagnostics);

/// How a file of this layout is read, for errors.
std::string layout_help(const std::string& layout);

/// Pairs the states of one network with what its `weights` name. All of them must find a tensor;
/// what the file has beside them is unused. Errors (kBadValue): one, at `where`, with a note for
/// everything that does not fit, and the nearest name.
Result<WeightPairs> pair_network(const SafetensorsFile& file, const ir::Module& module,
                                 const ir::Network& network, Span where, Diagnostics& diagnostics);

/// The prefix of the file's names that `network` stands for: itself, or "" for a file of another
/// program in which no name begins so. Errors (kUnknownName, at `where`): there is no such network,
/// although the model names it (`is_named`) or the file is gmc's.
Result<std::string> source_network(const SafetensorsFile& file, const std::string& network,
                                   bool is_named, Span where, Diagnostics& diagnostics);

/// "; the nearest name is `x`", or "" when none is near.
std::string nearest_text(const std::string& name, const std::vector<std::string>& known);

}  // namespace gmc::runtime
