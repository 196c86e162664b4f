// What was read, in a few words and numbers: for the start of training and for `gmrun info`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/contract.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct FieldSummary {
    std::string name;
    std::vector<int64_t> shape;  ///< of one example
    int64_t classes = 0;         ///< of labels; 0 = no labels
    /// The smallest and the largest value of the examples that were looked at; nothing for labels.
    std::optional<ValueRange> values;
    int64_t looked_at = 0;
    int64_t examples = 0;    ///< of the set that the field is of
    bool all_equal = false;  ///< each of these examples is the same
};

struct DataSummary {
    int64_t examples = 0;
    std::vector<FieldSummary> fields;
};

/// Looks at some of the examples, the same ones in every run, from all parts of the data but at no
/// equal distances: up to 1000 of what lies in memory, 16 of what has to be read or decoded. An
/// example that cannot be read is left to training to report.
DataSummary summarise(const Dataset& dataset);

/// "60000 examples; image [28, 28, 1] from 0 to 1 (in a sample of 1000); label of 10 classes". Of a
/// set with a length of its own: "; b [4, 4, 1] of 50 examples in their own order from 0 to 1".
std::string to_text(const DataSummary& summary);

}  // namespace gmc::runtime
