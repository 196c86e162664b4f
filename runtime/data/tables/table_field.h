// A table in text as a field: a column of numbers gives one value, a column of texts one value per
// category.
#pragma once

#include <string>

#include "runtime/data/dataset.h"
#include "runtime/files/tables/table.h"

namespace gmc::runtime {

struct TableOptions {
    std::string name;   ///< of the field
    Table table;        ///< as found in the training data
    int64_t count = 0;  ///< rows; 0 = all
    /// Rows beyond so many bytes go to a file without a name in the folder for temporary files; 0 =
    /// a quarter of the memory.
    uint64_t memory_bytes = 0;
    int64_t classes = 0;  ///< above 0: each number is a label 0 .. classes - 1
    /// The file is that of the training data, which may have changed since `table` was found there.
    bool is_trained_on = false;
};

/// Reads the file once; rows are then a float per cell, in memory or mapped. Columns are found by
/// name where the file has a header. Errors: kBadFile (those of CsvReader, a column missing, rows
/// of different lengths, no room for temporary files), kBadValue (a missing cell in a column that
/// has none in training, no number, an unknown category, no label; with line and column).
Result<FieldPtr> read_table(const std::string& path, const TableOptions& options,
                            Diagnostics& diagnostics);

}  // namespace gmc::runtime
