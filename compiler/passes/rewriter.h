// Local rewriting, which passes such as simplify share: ops are visited in order; a rule may change
// the op at hand, put new ops before it, or say that its result is another value.
#pragma once

#include <functional>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/ir/module.h"
#include "compiler/ops/renames.h"

namespace gmc::passes {

class Rewriter {
  public:
    Rewriter(ir::Module& module, ir::Function& function);

    /// A rule sees one op with up-to-date operands. It returns the value that takes the place of
    /// the op's result, or kNone; it may also edit the op, keeping the type of its result, and says
    /// so with mark_changed().
    using Rule = std::function<ir::ValueId(Rewriter&, ir::Operation&)>;

    /// Visits every op with one result and no body once. True = something changed.
    bool run(const Rule& rule);

    /// Puts ops before the one at hand.
    ir::Builder& builder() { return builder_; }
    const ir::Type& type(ir::ValueId value) const { return function_.type(value); }
    const ir::Shape& shape(ir::ValueId value) const { return function_.type(value).shape; }

    /// The op that computes `value`, or null for inputs, states, and results of ops with several.
    /// Emitting an op makes the pointer invalid: copy what is needed first.
    const ir::Operation* definition(ir::ValueId value) const;
    /// The same, when that op is an `Op`.
    template <typename Op>
    const ir::Operation* definition_as(ir::ValueId value) const {
        const ir::Operation* found = definition(value);
        return found != nullptr && found->as<Op>() != nullptr ? found : nullptr;
    }
    /// The number of which every element of `value` is known to consist; null when that is not
    /// known.
    const double* constant(ir::ValueId value) const;

    /// Ops before the one at hand, for look-ups.
    const std::vector<ir::Operation>& done() const { return function_.operations; }

    /// Makes the op at hand `op(operands)`.
    ir::ValueId become(ir::Operation& at_hand, ir::OpVariant op, std::vector<ir::ValueId> operands);
    void mark_changed() { changed_ = true; }

  private:
    void note_definitions() const;

    ir::Function& function_;
    ir::Builder builder_;
    ops::Renames renames_;
    // Rules emit ops at any time, so look-ups first take note of what is new.
    /// By value: index into function_.operations, or kNone.
    mutable std::vector<int32_t> defined_by_;
    mutable size_t noted_ = 0;  ///< operations whose results are in defined_by_
    bool changed_ = false;
};

/// By value: how often operations, updates and results read it. Values that are made later have no
/// entry.
std::vector<int> count_readers(const ir::Function& function);

/// Runs the rule over all functions. True = something changed.
bool rewrite(ir::Module& module, const Rewriter::Rule& rule);

}  // namespace gmc::passes
