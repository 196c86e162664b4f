// A field whose examples are in no pairs with those of the others: another set of data, with a
// length and an order of its own.
#pragma once

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// `field` as one of `count` examples for an epoch, as many as the other fields have. Training
/// takes its examples in random orders of their own, one after the other whatever an epoch is, so
/// that each is seen as often as any other; evaluation takes them as they lie, again and again.
FieldPtr in_own_order(FieldPtr field, int64_t count);

/// How many examples the longest of the sets has that these fields are of; as many as `dataset` has
/// where it has none of them.
int64_t longest_set(const Dataset& dataset, const std::vector<std::string>& fields);

/// The same fields, as of `count` examples: for evaluation over a set that is longer or shorter
/// than the others. Those that have fewer begin again. Errors: none.
Result<Dataset> gone_through_to(const Dataset& dataset, int64_t count, Diagnostics& diagnostics);

}  // namespace gmc::runtime
