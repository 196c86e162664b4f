// What happens to a document before it is read: `extends`, --set, `${variables}`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/text/document.h"

namespace gmc::dsl {

/// Names with their values, for `${name}`.
using Bindings = std::map<std::string, NodePtr>;

/// `over` upon `base`: maps key by key, everything else replaced. A key that excludes another
/// (`idx`, `synthetic`) removes it.
NodePtr merge(const NodePtr& base, const NodePtr& over);

/// The file at `path`, merged upon the files it extends. Reports a cycle.
Result<NodePtr> read_with_bases(const std::string& path, Diagnostics& diagnostics);

/// Applies `--set name=value` (a variable) and `--set a.b=value` (a key); list elements are numbers
/// from 0.
NodePtr apply_sets(NodePtr model, const std::vector<std::string>& sets, Diagnostics& diagnostics);

/// The model's `variables`, in which references to each other are replaced.
Bindings read_variables(const Node& model, Diagnostics& diagnostics);

/// Replaces `${name}` below `node`. A scalar that is nothing but `${name}` becomes the value with
/// its type; elsewhere the value has to be a scalar and its text is put in. `later` are names that
/// are left as they are.
NodePtr substitute(const NodePtr& node, const Bindings& values,
                   const std::vector<std::string>& later, Diagnostics& diagnostics);

/// Replaces variables everywhere but under `variables`; in a block its own parameters are left for
/// its users.
NodePtr substitute_variables(const NodePtr& model, const Bindings& variables,
                             Diagnostics& diagnostics);

/// A copy of a map with `key` replaced or added.
NodePtr with_entry(const Node& map, const Entry& entry);

}  // namespace gmc::dsl
