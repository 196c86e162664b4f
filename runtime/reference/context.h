// What the reference of one op sees: its operands, and its result, whose type and size are already
// right.
#pragma once

#include "runtime/reference/reference.h"

namespace gmc::runtime {

/// Refers to everything and owns nothing; it lives for one op.
class ReferenceContext {
  public:
    ReferenceContext(const ir::Module& module, const ir::Function& function,
                     const ir::Operation& operation, ReferenceValues& values,
                     const CallContext& call, const ReferenceOptions& options)
        : module_(module),
          function_(function),
          operation_(operation),
          values_(values),
          call_(call),
          options_(options) {}

    size_t operand_count() const { return operation_.operands.size(); }
    const ReferenceTensor& operand(size_t i) const { return values_.at(operation_.operands[i]); }
    /// Zeros at first.
    ReferenceTensor& result() const { return values_.at(operation_.result()); }

    const CallContext& call() const { return call_; }
    const ReferenceOptions& options() const { return options_; }
    const ir::Module& module() const { return module_; }
    const ir::Function& function() const { return function_; }
    const ir::Operation& operation() const { return operation_; }
    ReferenceValues& values() const { return values_; }

  private:
    const ir::Module& module_;
    const ir::Function& function_;
    const ir::Operation& operation_;
    ReferenceValues& values_;
    const CallContext& call_;
    const ReferenceOptions& options_;
};

}  // namespace gmc::runtime
