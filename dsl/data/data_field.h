// One field of `data` or `test`: its source, and what is known of its examples before training.
#pragma once

#include "dsl/spec.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// The field of `data` that a field of `test` belongs to, read and as written; null for a field of
/// `data` itself.
struct TrainField {
    const DataField* field = nullptr;
    const Node* node = nullptr;
};

/// Reads a field. That of `labels_of` has no classes yet.
DataField read_data_field(const Entry& entry, const TrainField& train, Diagnostics& diagnostics);

/// data_range.cpp: `range: [low, high]`.
void read_range(const Entry& range, DataField& field, Diagnostics& diagnostics);

}  // namespace gmc::dsl
