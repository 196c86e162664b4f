// Writes examples that a model made in the format of the data that it was trained on: rows of a
// table, or sound.
#pragma once

#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "runtime/files/tables/table.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// "csv" where examples are like rows of a table of the model, "wav" where they are like windows of
/// its sound; else "".
std::string written_as(const LoadedModel& model, const Examples& examples);

/// The table that examples are rows of; nothing where they are none.
std::optional<Table> table_of(const LoadedModel& model, const Examples& examples);

/// Samples of rows whose cells may be missing say with which probability a cell is there: draws
/// whether it is, so that as many are missing as in the data. Row i depends on the seed and i only.
void draw_missing(const LoadedModel& model, uint64_t seed, Examples& rows);

/// Rows with the names, units and categories of the table that the model was trained on. Errors:
/// kShapeMismatch where the examples are no rows of it, and those of writing.
[[nodiscard]] bool write_rows(const LoadedModel& model, const Examples& examples,
                              const std::string& path, Diagnostics& diagnostics);

/// The windows one after the other as a WAV file. Errors: as above.
[[nodiscard]] bool write_sound(const LoadedModel& model, const Examples& examples,
                               const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime
