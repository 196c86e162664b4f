// The columns of a table in text, found by reading all of it once.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runtime/files/tables/table.h"

namespace gmc::runtime {

/// What the model's YAML says of a column; what it does not say is found.
struct ColumnRules {
    std::optional<ColumnKind> kind;
    ColumnScale scale = ColumnScale::kStandard;
};

/// What the model's YAML says of a table; what it does not say is found.
struct TableRules {
    std::optional<bool> header;
    std::optional<char> separator, decimal;
    char quote = '"';
    ColumnScale scale = ColumnScale::kStandard;  ///< of columns of which nothing is said
    bool mask = false;                           ///< missing cells are masked, not refused
    double range_low = 0, range_high = 1;
    std::map<std::string, ColumnRules> columns;  ///< by name; `c1`, `c2` where there is no header
};

/// Reads the file once, a few rows of it twice. A column whose cells are all numbers is a column of
/// numbers; any other is a category, whose texts are sorted. Errors: kBadFile (those of CsvReader,
/// no rows, rows of different lengths), kUnknownName (a column that is not there), kBadValue (no
/// number, a missing cell with line and column; more than 1000 categories), kDuplicateKey (a name
/// twice).
Result<Table> find_table(const std::string& path, const TableRules& rules,
                         Diagnostics& diagnostics);

}  // namespace gmc::runtime
