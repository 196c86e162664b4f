// Steps that rewrite a document before its sections are read: `extends`, --set and `${variables}`.
// Enters: the YAML tree of a model file. Leaves: one tree in which bases are merged and variables
// are replaced, so that the readers of sections never see either.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/text/document.h"

namespace gmc::dsl {

/// The values of names, for `${name}`.
using Bindings = std::map<std::string, NodePtr>;

/// Puts `over` on top of `base`. Maps are merged key by key; every other value is replaced whole. A
/// key of `over` removes those keys of `base` that exclude it (`idx` removes `synthetic`), and
/// `key: ~` removes that key. Lists and maps of metrics are joined.
NodePtr merge(const NodePtr& base, const NodePtr& over);

/// The tree of the file at `path`, merged on top of the files that it extends. `import: attention`
/// is looked for in `layer_directories` when no file beside the model has that name. Reports a
/// cycle.
Result<NodePtr> read_with_bases(const std::string& path,
                                const std::vector<std::string>& layer_directories,
                                Diagnostics& diagnostics);

/// Applies `--set name=value` (a variable) and `--set a.b=value` (a key). In a path, an element of
/// a list is its number, counted from 0.
NodePtr apply_sets(NodePtr model, const std::vector<std::string>& sets, Diagnostics& diagnostics);

/// The model's `variables`, with references from one to another replaced.
Bindings read_variables(const Node& model, Diagnostics& diagnostics);

/// Replaces `${name}` everywhere below `node`. A scalar that is nothing but `${name}` becomes the
/// variable's value and keeps its type; inside a longer text the value has to be a scalar, whose
/// text is put in. References to names in `later` are left as they are.
NodePtr substitute(const NodePtr& node, const Bindings& values,
                   const std::vector<std::string>& later, Diagnostics& diagnostics);

/// Replaces variables everywhere but under `variables` itself. Inside a block, references to the
/// block's own parameters are left: each use of the block replaces them.
NodePtr substitute_variables(const NodePtr& model, const Bindings& variables,
                             Diagnostics& diagnostics);

/// Warns about variables that nothing uses, in the file that was named itself.
void check_unused_variables(const Node& model, Diagnostics& diagnostics);

/// A copy of `map` in which `entry` is added, or replaces the entry of the same key.
NodePtr with_entry(const Node& map, const Entry& entry);

}  // namespace gmc::dsl
