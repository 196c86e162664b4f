// Scores examples: runs the function `score` of a model and gives a row of figures per example.
// Enters: a model and its data. Leaves: columns of numbers; examples with large ones are anomalies.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/train/generate.h"

namespace gmc::runtime {

/// Labels of the data: `label`, or `text.2`, the third of a sequence of labels.
struct LabelColumn {
    std::string name, field;
    std::vector<float> values;
};

struct Scores {
    /// By example: its number in the data, or the path of its file.
    std::vector<std::string> ids;
    /// Labels beside the examples; of a long sequence none. All as long as ids.
    std::vector<LabelColumn> labels;
    /// Results of one number per example, by name. All as long as ids.
    std::vector<std::pair<std::string, std::vector<float>>> columns;
    /// Results of several numbers per example (a number per pixel or column), by name; where they
    /// are asked for.
    std::vector<std::pair<std::string, Examples>> maps;
};

struct ScoreOptions {
    std::string function = "score";
    int64_t count = 0;  ///< the first so many examples; 0: all
    uint64_t seed = 1;  ///< of random ops in the function
    bool maps = false;  ///< keep them: they are as large as the data
};

/// Runs the function over what `loader` reads in order, in batches of the model's size; of data
/// sets with a length of their own over the one that the function takes. Ids and labels are of that
/// one. Errors: those of `encode`, and kWrongType where the function has no result of one
/// number per example.
Result<Scores> score(LoadedModel& model, std::unique_ptr<Loader> loader,
                     const ScoreOptions& options, Diagnostics& diagnostics);

/// The value below which a share of `quantile` (0 to 1) of the values lies, interpolated linearly
/// between two neighbours, as in NumPy. At least one value, none of them NaN.
double quantile_of(std::vector<float> values, double quantile);

/// A map of scores over the columns of a table: for each example (a row of the table), the sum of
/// the numbers that each column became, with that of its mask. Nothing where examples are not rows
/// of a table.
struct ColumnMap {
    std::vector<std::string> names;
    std::vector<float> values;  ///< N x names
};
std::optional<ColumnMap> by_columns(const LoadedModel& model, const Examples& map);

}  // namespace gmc::runtime
