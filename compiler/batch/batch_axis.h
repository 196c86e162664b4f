// Where the examples of a batch lie in the values of a function.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc {

/// The axis of a tensor that counts examples. Its size is outer * batch * inner: position
/// (o * batch + b) * inner + i belongs to example b.
struct BatchAxis {
    int64_t axis = 0;
    int64_t outer = 1, inner = 1;
    friend bool operator==(const BatchAxis&, const BatchAxis&) = default;
};

/// By value of a function: its batch axis; none where the value is the same for every example.
struct BatchAxes {
    std::vector<std::optional<BatchAxis>> of;
    /// Why the examples depend on each other, as a clause; empty: they do not.
    std::string why;
    /// The first result of the operation that `why` is about; kNone where it is about an input.
    ir::ValueId coupled = ir::kNone;
    /// Which op draws random numbers, as a clause; empty: none does. They are numbered over the
    /// whole batch, so that a batch of another size would draw other numbers.
    std::string draws;
    /// By value: whether an op makes it that adds up all examples; also what a scan makes of such
    /// sums. Only where sums were allowed.
    std::vector<bool> sums;
    /// The same of the bodies of the function's scans, by name.
    std::map<std::string, BatchAxes> bodies;
};

/// Whether sums over all examples couple them: they do not for who adds up parts of the batch.
enum class BatchSums { kCouple, kAllowed };

/// By value of a function: whether the operation that makes it is computed for the whole batch, so
/// that it says nothing of where the examples lie in its operands and results.
using WholeValues = std::vector<bool>;

/// Whether the op of sums is the sum of the op of each.
bool adds_sums(const ir::Operation& op);

/// Follows the batch from the inputs of `function`, and from results that have a row per example,
/// through its operations, and back to constants that have such rows. Where sums are allowed, it
/// also begins at random numbers of which there are as many rows as examples.
BatchAxes find_batch_axes(const ir::Module& module, const ir::Function& function,
                          BatchSums sums = BatchSums::kCouple);
/// The same for who computes some operations for the whole batch: sums are allowed, and states may
/// have a row per example.
BatchAxes find_batch_axes(const ir::Module& module, const ir::Function& function,
                          const WholeValues& whole);

}  // namespace gmc
