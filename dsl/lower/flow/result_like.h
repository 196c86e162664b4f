// Finds out which data a result is like, where several fields have its shape, from where the losses
// put data and results: into the same input of a network, or next to each other.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// What losses say of the outputs of networks: which data they are like. Names of outputs are those
/// of networks, or "network.output".
struct DataEvidence {
    using Fields = std::map<std::string, std::set<std::string>>;  ///< by output
    Fields judged;      ///< fed to the same input of a network, as a discriminator's
    Fields compared;    ///< one subtracted from the other
    Fields multiplied;  ///< as a cross-entropy does
    Fields fed;         ///< by "network#input": what goes into it
};

/// `evaluate`, which has all losses, with the networks that it applies.
DataEvidence data_evidence(const ir::Function& evaluate,
                           const std::vector<FunctionScope::Applied>& applied);

/// Adds a line ir::ResultLike for each result of the author's functions that several fields of the
/// module could be like. `applied`: by function. Warns of results of which nothing says it: the
/// first field is taken.
void write_results_like(const DataEvidence& evidence,
                        const std::map<std::string, std::vector<FunctionScope::Applied>>& applied,
                        ModuleScope& m);

}  // namespace gmc::lower
