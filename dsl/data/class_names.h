// What the classes of a field of labels are called, where no folder says it.
#pragma once

#include "dsl/spec.h"
#include "dsl/text/document.h"

namespace gmc::dsl {

/// Reads `class_names: [shirt, coat]`, or the path of a text file with a name in each line, into
/// the names and the number of classes of `field`. Errors: kWrongType, kBadFile, kDuplicateKey for
/// a name that occurs twice, kBadValue where `classes` says another number.
void read_class_names(const Entry& names, DataField& field, Diagnostics& diagnostics);

}  // namespace gmc::dsl
