// Reads one field of `data` or `test`: its source, and what is known of its examples before
// training. Enters: the node of the field. Leaves: a DataField.
#pragma once

#include "dsl/spec.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// The field of `data` that a field of `test` belongs to, as it was read and as it is written; null
/// for a field of `data` itself.
struct TrainField {
    const DataField* field = nullptr;
    const Node* node = nullptr;
};

/// Reads a field. A field of `labels_of` has no classes yet, since those depend on another field.
DataField read_data_field(const Entry& entry, const TrainField& train, Diagnostics& diagnostics);

/// data_table.cpp: `csv: FILE` or `csv: {file: FILE, ...}`. The shape of a row, and what its
/// columns mean, are found in the file; those of a field of `test` are those of `train`.
void read_csv(const Entry& source, const DataField* train, DataField& field,
              Diagnostics& diagnostics);

/// Refuses a `range` beside `csv` to which no column is mapped.
void check_range_of_rows(const Entry& range, const DataField& field, Diagnostics& diagnostics);

/// data_sound.cpp: `wav: {folder: FOLDER, rate: 16000, window: 1024, ...}`.
void read_wav(const Entry& source, const DataField* train, DataField& field,
              Diagnostics& diagnostics);

/// data_range.cpp: reads `range: [low, high]`.
void read_range(const Entry& range, DataField& field, Diagnostics& diagnostics);

}  // namespace gmc::dsl
