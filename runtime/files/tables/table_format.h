// How a table in text is written: separator, decimal sign, a header or none, found in its first
// rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/files/tables/table_finder.h"

namespace gmc::runtime {

/// A format, and the first row that was read by it.
struct FoundFormat {
    CsvFormat format;
    std::vector<std::string> first;
};

/// What `rules` do not say is found. Warns where a row of numbers is taken for a header. Nothing
/// after an error (kBadFile): those of CsvReader, no rows.
std::optional<FoundFormat> find_table_format(const std::string& path, const TableRules& rules,
                                             Diagnostics& diagnostics);

}  // namespace gmc::runtime
