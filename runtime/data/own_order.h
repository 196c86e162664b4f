// A field whose examples are in no pairs with those of the others: another set of data, with a
// length and an order of its own.
#pragma once

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// `field` as one of `count` examples for an epoch, as many as the other fields have. Training
/// takes its examples in random orders of their own, one after the other whatever an epoch is, so
/// that each is seen as often as any other; evaluation takes them as they lie, again and again.
FieldPtr in_own_order(FieldPtr field, int64_t count);

}  // namespace gmc::runtime
