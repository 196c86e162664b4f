// In what runs differ: their settings, and the texts of their models.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tools/gmrun/runs/run_history.h"

namespace gmc::tools {

/// The value of a setting that a run does not have.
inline constexpr char kNotSet[] = "-";

/// A table: a name per row and a text per run.
struct Row {
    std::string name;
    std::vector<std::string> values;
    bool differs() const {
        return std::any_of(values.begin(), values.end(),
                           [&](const std::string& v) { return v != values.front(); });
    }
};

/// What the runs were told beside the model's text, and what computed them: a row per setting in
/// which they differ or, with `all`, per setting.
std::vector<Row> setting_rows(const std::vector<RunHistory>& runs, bool all);
/// The lines in which the texts of the models differ, side by side as side_by_side.h says; comments
/// and empty lines are none. Of each file, the first 20; then a row says that there are more.
std::vector<Row> text_rows(const std::vector<RunHistory>& runs);

}  // namespace gmc::tools
